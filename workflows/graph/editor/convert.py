"""Convert workflows of ComfyUI's editor to graphs, by the rules of the editor itself.

The result is what the editor sends when a workflow is queued (`app.graphToPrompt`): the same nodes
with the same ids and inputs; tests/comfyui/test_convert.py compares the two. Workflows on which the
editor itself fails (a subgraph that passes an input straight to an output, or the same definition
twice in a row) are converted, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ....engines.errors import GraphError
from ..decoding import MAX_NODES, cut
from ..model import Graph, Link, Node
from .nodes import VIRTUAL, Definitions, NodeLayout, Socket, layout_of
from .saved import (
    BYPASSED,
    INPUT_NODE,
    MUTED,
    OUTPUT_NODE,
    Canvas,
    EditorLink,
    EditorNode,
    Workflow,
    as_number,
    read_workflow,
)
from .scripted import settled
from .subgraphs import PromotedWidgets, leaves_first, make_ids_unique
from .values import NamedNodes, apply_primitive, queued_value


def convert(data: Mapping[str, Any], source: str, definitions: Definitions) -> Graph:
    """Return the graph that the editor would send for a workflow that it saved.

    data:        decoded JSON of version 0.4 or 1
    source:      the file, for messages
    definitions: schemas by class: a catalogue's, or `definitions_of` a server's response

    Muted and bypassed nodes, reroutes, primitives, notes and subgraphs are resolved. Nodes of an
    unknown class are kept with what the file says about them. Raises `GraphError` with the file and
    the node, what was expected and what was found.
    """
    workflow = read_workflow(data, source)
    legacy = next((n for n in workflow.root.nodes.values() if _is_group_node(n)), None)
    if legacy is not None:
        raise GraphError(
            f"{source}: {legacy.label} is a group node of an older editor; open the file in "
            "ComfyUI, which turns it into a subgraph, and save it again"
        )
    return _Conversion(workflow, definitions).run()


def _is_group_node(node: EditorNode) -> bool:
    return node.type.startswith(("workflow>", "workflow/"))


@dataclass(frozen=True)
class _Place:
    """One use of a canvas: the workflow itself, or an instance of a subgraph.

    path:  ids of the instances that lead here
    outer: the place of the node `instance` that this place is the inside of
    """

    canvas: Canvas
    path: tuple[str, ...] = ()
    outer: _Place | None = None
    instance: EditorNode | None = None

    def id_of(self, node: EditorNode) -> str:
        return ":".join((*self.path, node.id))


@dataclass(frozen=True)
class _Constant:
    """What an input resolves to where an instance of a subgraph shows a widget for it."""

    value: Any


@dataclass
class _Conversion:
    workflow: Workflow
    definitions: Definitions
    layouts: dict[tuple[str, str], NodeLayout] = field(default_factory=dict)
    named: NamedNodes = field(default_factory=NamedNodes)
    _sockets_of: dict[str, list[Socket]] = field(default_factory=dict)  # by subgraph
    _known: dict[Any, Link | _Constant | None] = field(default_factory=dict)  # by step

    def run(self) -> Graph:
        self._prepare()
        real = {place.id_of(node): (place, node) for place, node in self._real_nodes()}
        if not real:
            raise GraphError(
                f"{self.workflow.source}: there is nothing to run: "
                "all nodes are muted, bypassed or notes"
            )
        nodes: dict[str, Node] = {}
        for id_ in sorted(real, key=_javascript_order):
            place, node = real[id_]
            inputs = {
                name: value
                for name, value in self._inputs(place, node).items()
                if not isinstance(value, Link) or value.node in real
            }
            nodes[id_] = Node(id_, node.type, inputs, self._title(node))
        return Graph(self.workflow.source, nodes)

    def _prepare(self) -> None:
        """Find the values of all widgets and the inputs of all links, inside subgraphs first."""
        workflow = self.workflow
        inner = leaves_first(workflow)
        make_ids_unique(workflow)
        self.promoted = PromotedWidgets(workflow, self.layouts)
        for canvas in (*inner, workflow.root):
            for node in canvas.nodes.values():
                if node.type not in workflow.definitions:
                    self.layouts[canvas.id, node.id] = layout_of(node, self.definitions)
            self._wire(canvas)
            self.promoted.settle(canvas)
        self._name(workflow.root, set())
        for canvas in (workflow.root, *inner):
            for node in canvas.nodes.values():
                if node.type == "PrimitiveNode":
                    apply_primitive(canvas, node, self.layouts, self.named)

    def _title(self, node: EditorNode) -> str:
        schema = self.definitions.get(node.type)
        return node.title or (schema.display_name if schema else "") or node.type

    def _name(self, canvas: Canvas, done: set[str]) -> None:
        """Collect the nodes that texts may refer to; a subgraph's come before its instance."""
        for node in canvas.nodes.values():
            definition = self.workflow.definitions.get(node.type)
            if definition is not None and definition.id not in done:
                done.add(definition.id)
                self._name(definition, done)
            alias = str(node.properties.get("Node name for S&R", node.type))
            layout = self.layouts.get((canvas.id, node.id))
            values = layout.values if layout else {}
            self.named.add(alias, self._title(node), values)

    def _label(self, canvas: Canvas, node: EditorNode) -> str:
        return f"subgraph {cut(canvas.name)}: {node.label}" if canvas.id else node.label

    def _sockets(self, canvas: Canvas, node: EditorNode) -> list[Socket]:
        definition = self.workflow.definitions.get(node.type)
        if definition is not None:
            sockets = self._sockets_of.setdefault(definition.id, [])
            for slot in definition.inputs[len(sockets) :]:  # promoted widgets add inputs
                sockets.append(Socket(slot.name, slot.type))
            return sockets
        return self.layouts[canvas.id, node.id].sockets

    def _outputs(self, canvas: Canvas, node: EditorNode) -> list[str]:
        definition = self.workflow.definitions.get(node.type)
        if definition is not None:
            return [slot.type for slot in definition.outputs]
        return self.layouts[canvas.id, node.id].outputs

    def _wire(self, canvas: Canvas) -> None:
        """Find the input of each link.

        The saved input that lists the link gives its name, as the definition may have changed
        since. The link's own number applies where no input lists it.
        """
        by_number: dict[tuple[str, int], EditorLink] = {}
        named: dict[tuple[str, int], EditorLink] = {}
        listing: dict[tuple[str, str], set[str]] = {}  # names of inputs, by node and link
        for holder in canvas.nodes.values():
            for slot in holder.inputs:
                if slot.link is not None:
                    listing.setdefault((holder.id, slot.link), set()).add(slot.name)
        numbers: dict[str, dict[str, int]] = {}  # of inputs by name, by node
        for link in canvas.links:
            node = canvas.nodes.get(link.target)
            names = listing.get((link.target, link.id), set())
            number = None
            if node is not None and names:
                if node.id not in numbers:
                    sockets = self._sockets(canvas, node)
                    pairs = ((socket.name, i) for i, socket in enumerate(sockets))
                    numbers[node.id] = dict(reversed([*pairs]))
                known = numbers[node.id]
                number = min((known[name] for name in names if name in known), default=None)
            if number is not None:
                named.setdefault((link.target, number), link)
                link.target_slot = number
            elif not names:  # otherwise its input no longer exists
                by_number.setdefault((link.target, link.target_slot), link)
        canvas.into = {}
        canvas.connect(by_number | named)

    def _real_nodes(self) -> list[tuple[_Place, EditorNode]]:
        """Return every use of every node that runs.

        A muted or bypassed instance on the top-level canvas disables everything inside it. Inside
        another subgraph only the modes of the inner nodes count, as in the editor.
        """
        uses: list[tuple[_Place, EditorNode]] = []
        waiting = [_Place(self.workflow.root)]
        while waiting:
            place = waiting.pop()
            for node in place.canvas.nodes.values():
                definition = self.workflow.definitions.get(node.type)
                if definition is None:
                    if not node.is_inactive and node.type not in VIRTUAL:
                        uses.append((place, node))
                elif place.path or not node.is_inactive:
                    waiting.append(_Place(definition, (*place.path, node.id), place, node))
                # Subgraphs that use subgraphs twice, and so on, grow exponentially.
                if len(uses) + len(waiting) > MAX_NODES:
                    raise GraphError(
                        f"{self.workflow.source}: more than {MAX_NODES:,} nodes once "
                        "subgraphs are expanded"
                    )
        return uses

    def _inputs(self, place: _Place, node: EditorNode) -> Mapping[str, Any]:
        layout = self.layouts[place.canvas.id, node.id]
        if layout.problem:
            where = self._label(place.canvas, node)
            raise GraphError(f"{self.workflow.source}: {where}: {layout.problem}")
        values = {
            name: queued_value(node.type, name, value, layout, self.named)
            for name, value in layout.values.items()
        }
        chosen = values.get("choice")
        for slot, socket in enumerate(layout.sockets):
            resolved = self._resolve(place, node, slot)
            if isinstance(resolved, _Constant):
                values[socket.name] = resolved.value
                chosen = resolved.value if socket.name == "choice" else chosen
            elif resolved is not None:
                values[socket.name] = resolved
        return settled(node.type, values, chosen)

    def _resolve(self, place: _Place, node: EditorNode, slot: int) -> Link | _Constant | None:
        """Return what feeds an input, seen through virtual nodes, or None."""
        steps: dict[Any, None] = {}
        found = self._follow(place, node, slot, steps)
        self._known.update(dict.fromkeys(steps, found))
        return found

    def _follow(
        self, place: _Place, node: EditorNode, slot: int, steps: dict[Any, None]
    ) -> Link | _Constant | None:
        """Return the same; add the steps on the way, which all lead to it."""
        kind = ""  # the wanted type; "": that of the input itself
        entering = True  # at an input; otherwise at an output
        seen: set[tuple[bool, tuple[str, ...], str, int]] = set()
        while True:
            step = (entering, place.path, node.id, slot)
            whole = (*step, kind)
            if whole in self._known:
                return self._known[whole]
            if step in seen:
                raise GraphError(
                    f"{self.workflow.source}: {self._label(place.canvas, node)}: "
                    "the links form a cycle; remove one of them"
                )
            seen.add(step)
            steps[whole] = None
            if entering:
                link = place.canvas.into.get((node.id, slot))
                if link is None:
                    return None
                if (
                    link.origin == INPUT_NODE
                    and place.outer is not None
                    and place.instance is not None
                ):
                    slot, node, place, kind = link.origin_slot, place.instance, place.outer, ""
                    if (node.id, slot) not in place.canvas.into:
                        shows, value = self.promoted.value(place.canvas, node, slot)
                        return _Constant(value) if shows else None
                    continue
                sockets = self._sockets(place.canvas, node)
                kind = kind or (sockets[slot].type if slot < len(sockets) else "*")
                node, slot, entering = self._origin(place, node, link), link.origin_slot, False
                continue
            definition = self.workflow.definitions.get(node.type)
            if node.mode == MUTED:
                return None
            if node.mode == BYPASSED:
                passed = self._passed_on(place.canvas, node, slot, kind)
                if passed is None:
                    return None
                slot, entering, kind = passed, True, ""
            elif definition is not None:
                inner = definition.into.get((OUTPUT_NODE, slot))
                if inner is None:
                    return None
                if inner.origin == INPUT_NODE:  # passed straight through
                    slot, entering, kind = inner.origin_slot, True, ""
                    continue
                place = _Place(definition, (*place.path, node.id), place, node)
                node, slot = self._origin(place, None, inner), inner.origin_slot
            elif node.type == "Reroute":
                entering = True
            elif node.type in VIRTUAL:
                return None
            else:
                return Link(place.id_of(node), slot)

    def _origin(self, place: _Place, node: EditorNode | None, link: EditorLink) -> EditorNode:
        origin = place.canvas.nodes.get(link.origin)
        if origin is None:
            where = (
                self._label(place.canvas, node) if node else f"subgraph {cut(place.canvas.name)}"
            )
            raise GraphError(
                f"{self.workflow.source}: {where}: link {cut(link.id)} comes from node "
                f"{cut(link.origin)}, which does not exist"
            )
        return origin

    def _passed_on(self, canvas: Canvas, node: EditorNode, slot: int, kind: str) -> int | None:
        """Return the input that a bypassed node passes on as its output `slot`.

        kind: the type that is wanted

        It is the input of the same number if the types match, or else the first of exactly this
        type, or else the first whose type matches.
        """
        inputs = [socket.type for socket in self._sockets(canvas, node)]
        outputs = self._outputs(canvas, node)
        output = outputs[slot] if slot < len(outputs) else "*"
        if kind == "*":
            return (slot if slot < len(inputs) else 0) if inputs else None

        def fits(type_: str) -> bool:
            return _connects(type_, output) and _connects(type_, kind)

        if slot < len(inputs) and fits(inputs[slot]):
            return slot
        if kind in inputs:
            return inputs.index(kind)
        return next((i for i, type_ in enumerate(inputs) if fits(type_)), None)


def _javascript_order(id_: str) -> tuple[int, int]:
    """Return a sort key for JavaScript's order of keys: array indices first, ascending."""
    number = as_number(id_)
    return (1, 0) if number is None or number >= 2**32 - 1 else (0, number)


def _connects(one: str, other: str) -> bool:
    """Return whether the editor connects slots of two types: "*" is any, "A,B" a union."""
    if "*" in (one, other) or one == other:
        return True
    return not set(one.lower().split(",")).isdisjoint(other.lower().split(","))
