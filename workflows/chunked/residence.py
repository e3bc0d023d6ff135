"""Which nodes leave their pictures on the device that they were made on."""

from ..graph.catalogue import Catalogue
from ..graph.model import Link
from .layout import Layout, Slot

_PICTURES = ("IMAGE", "MASK", "VIDEO")


def resident(layout: Layout, catalogue: Catalogue) -> frozenset[str]:
    """Return the nodes that run chunk by chunk and whose pictures are taken by nothing but nodes of
    the same pass that take them from any device (`Rule.anywhere`), without those that copy them to
    the memory of the CPU themselves (`Rule.on_cpu`).

    The pictures of others go to the memory of the CPU, as all do in a run of whole clips.
    """
    users: dict[Slot, list[tuple[str, str]]] = {}
    for id_ in layout.plan.order:
        for name, value in layout.plan.values[id_].items():
            if isinstance(value, Link):
                users.setdefault((value.node, value.slot), []).append((id_, name))

    def stay(id_: str, among: frozenset[str], collected: frozenset[Slot]) -> bool:
        """Return whether all pictures that a node gives may be on any device."""
        schema = catalogue.require(layout.plan.graph.nodes[id_].class_type)
        for number, output in enumerate(schema.outputs):
            if output.io_type not in _PICTURES:
                continue
            if (id_, number) in collected:
                return False
            for user, name in users.get((id_, number), ()):
                if user not in among or name not in layout.rules[user].anywhere:
                    return False
                if layout.rules[user].hands_on and not stay(user, among, collected):
                    return False
        return True

    found: set[str] = set()
    for number, one in enumerate(layout.passes):
        others = layout.passes[:number] + layout.passes[number + 1 :]
        elsewhere = {id_ for other in others for id_ in other.nodes}
        among = frozenset(one.nodes)
        mine = [i for i in one.nodes if i not in elsewhere and not layout.rules[i].on_cpu]
        found |= {id_ for id_ in mine if stay(id_, among, one.collect)}
    return frozenset(found)
