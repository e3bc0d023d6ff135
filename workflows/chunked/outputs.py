"""The sinks of a graph: one for each node that saves or shows frames that come in chunks."""

from collections.abc import Mapping
from pathlib import Path

from ...engines.errors import InputError
from ...nodes.standin import host
from ...nodes.standin.prefix import SIZES
from ...nodes.streaming import Saves, Sink
from ..core.carried import carried_graph
from ..graph.model import Link
from .single_run import SingleRunNodes


def saving_nodes(single: SingleRunNodes) -> dict[str, tuple[str, str]]:
    """Return prefix and suffix of what each node saves that saves chunks, in order."""
    layout = single.layout
    places = {}
    for id_ in layout.plan.order:
        saves = layout.rules[id_].saves
        if saves is not None and any(id_ in one.nodes for one in layout.passes):
            prefix = typed(single, id_, "filename_prefix")
            places[id_] = (prefix, saves.suffix_of(_format(single, id_, saves)))
    return places


def check_prefixes(single: SingleRunNodes, places: Mapping[str, tuple[str, str]]) -> None:
    """Raise `GraphError` for a prefix with a size in it: no frame has come yet to have one."""
    for id_, (prefix, _) in places.items():
        if used := [word for word in SIZES if word in prefix]:
            with single.named(id_):
                raise InputError(
                    f"filename_prefix: {prefix!r} has {used[0]}, which a run in chunks cannot know "
                    "when it names its files; write the number"
                )


def typed(single: SingleRunNodes, id_: str, name: str) -> str:
    """Return a text input, typed in or from a node that runs once."""
    value = single.layout.plan.values[id_][name]
    if isinstance(value, Link):
        single.run_up_to(value.node)
        value = single.given[value.node, value.slot]
    return str(value)


def make_sinks(single: SingleRunNodes, paths: Mapping[str, Path]) -> dict[str, Sink]:
    """Return a sink for each node that saves to one of `paths`, sends or shows."""
    sinks: dict[str, Sink] = {}
    for one in single.layout.passes:
        for id_ in one.nodes:
            if single.layout.rules[id_].kind != "sink":
                continue
            path, rule = paths.get(id_), single.layout.rules[id_]
            if path is not None:
                sinks[id_] = _sink(single, id_, path)
            else:
                sinks[id_] = Sink(rows=rule.rows) if rule.sends is None else rule.sends()
    return sinks


def _sink(single: SingleRunNodes, id_: str, path: Path) -> Sink:
    saves = single.layout.rules[id_].saves
    assert saves is not None  # else it would have no path
    return saves.sink(path, _format(single, id_, saves), carried_graph(single.hidden))


def _format(single: SingleRunNodes, id_: str, saves: Saves) -> str:
    return typed(single, id_, saves.format_input) if saves.format_input else ""


def free_path(
    single: SingleRunNodes, settings: host.Settings, id_: str, prefix: str, suffix: str
) -> Path:
    """Return the next free path, as the node itself would take it.

    Raises `GraphError` for a prefix that leads out of the output folder.
    """
    with single.named(id_), host.using(settings):
        return host.save_path(prefix, suffix)
