"""From a workflow of ComfyUI's editor to the API form, by the rules of the editor itself.

What the editor sends when its button is pressed (`app.graphToPrompt`) is what this gives: the same
nodes, by the same ids, with the same inputs; tests/comfyui/test_convert.py compares the two. Where
the editor itself fails (a subgraph whose output is its own input, the same definition twice in a
row), this goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ....engines.errors import GraphError
from ..model import Graph, Link, Node
from .form import (
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
from .nodes import VIRTUAL, Definitions, Face, Socket, face_of
from .subgraphs import Shown, leaves_first, make_ids_unique
from .values import Known, apply_primitive, sent

# A subgraph used twice in one that is used twice, and so on, grows beyond any memory.
MOST_NODES = 100_000


def convert(data: Mapping[str, Any], source: str, definitions: Definitions) -> Graph:
    """The graph that the editor would send for a workflow that it saved.

    data:        decoded JSON of version 0.4 or 1
    source:      the file, for messages
    definitions: node definitions by class: a catalogue's, or `definitions_of` a server's answer

    Muted and bypassed nodes, reroutes, primitives, notes and subgraphs are gone. A class that is
    not among the definitions is kept with what the file itself says. Raises `GraphError` with the
    file and the node, what was expected and what was found.
    """
    workflow = read_workflow(data, source)
    legacy = next((n for n in workflow.root.nodes.values() if _is_group_node(n)), None)
    if legacy is not None:
        raise GraphError(
            f"{source}: {legacy.label} is a group node of older editors; open the file in ComfyUI, "
            "which turns it into a subgraph, and save it anew"
        )
    return _Conversion(workflow, definitions).run()


def _is_group_node(node: EditorNode) -> bool:
    return node.type.startswith(("workflow>", "workflow/"))


@dataclass(frozen=True)
class _Place:
    """One use of a canvas: the workflow itself, or what stands for a subgraph's node."""

    canvas: Canvas
    path: tuple[str, ...] = ()
    outer: _Place | None = None
    host: EditorNode | None = None

    def id_of(self, node: EditorNode) -> str:
        return ":".join((*self.path, node.id))


@dataclass(frozen=True)
class _Constant:
    """What an input resolves to where a subgraph's node shows a widget for it."""

    value: Any


@dataclass
class _Conversion:
    workflow: Workflow
    definitions: Definitions
    faces: dict[tuple[str, str], Face] = field(default_factory=dict)
    known: list[Known] = field(default_factory=list)

    def run(self) -> Graph:
        self._prepare()
        real = {place.id_of(node): (place, node) for place, node in self._real_nodes()}
        if not real:
            raise GraphError(
                f"{self.workflow.source}: no node that does anything is left; "
                "all are muted, bypassed or notes"
            )
        nodes: dict[str, Node] = {}
        for id_ in sorted(real, key=_place_in_javascript):
            place, node = real[id_]
            inputs = {
                name: value
                for name, value in self._inputs(place, node).items()
                if not isinstance(value, Link) or value.node in real
            }
            nodes[id_] = Node(id_, node.type, inputs, self._title(node))
        return Graph(self.workflow.source, nodes)

    def _prepare(self) -> None:
        """Values of all widgets and the inputs of all links, those inside subgraphs first."""
        workflow = self.workflow
        inner = leaves_first(workflow)
        make_ids_unique(workflow)
        self.shown = Shown(workflow, self.faces)
        for canvas in (*inner, workflow.root):
            for node in canvas.nodes.values():
                if node.type not in workflow.definitions:
                    self.faces[canvas.id, node.id] = face_of(node, self.definitions)
            self._wire(canvas)
            self.shown.settle(canvas)
        self._know(workflow.root, set())
        for canvas in (workflow.root, *inner):
            for node in canvas.nodes.values():
                if node.type == "PrimitiveNode":
                    apply_primitive(canvas, node, self.faces, self.known)

    def _title(self, node: EditorNode) -> str:
        schema = self.definitions.get(node.type)
        return node.title or (schema.display_name if schema else "") or node.type

    def _know(self, canvas: Canvas, done: set[str]) -> None:
        """Gather the nodes that texts may name; those of a subgraph come before its node."""
        for node in canvas.nodes.values():
            definition = self.workflow.definitions.get(node.type)
            if definition is not None and definition.id not in done:
                done.add(definition.id)
                self._know(definition, done)
            alias = str(node.properties.get("Node name for S&R", node.type))
            face = self.faces.get((canvas.id, node.id))
            self.known.append(Known(alias, self._title(node), face.values if face else {}))

    def _label(self, canvas: Canvas, node: EditorNode) -> str:
        return f"subgraph {canvas.name}: {node.label}" if canvas.id else node.label

    def _sockets(self, canvas: Canvas, node: EditorNode) -> list[Socket]:
        definition = self.workflow.definitions.get(node.type)
        if definition is not None:
            return [Socket(slot.name, slot.type) for slot in definition.inputs]
        return self.faces[canvas.id, node.id].sockets

    def _outputs(self, canvas: Canvas, node: EditorNode) -> list[str]:
        definition = self.workflow.definitions.get(node.type)
        if definition is not None:
            return [slot.type for slot in definition.outputs]
        return self.faces[canvas.id, node.id].outputs

    def _wire(self, canvas: Canvas) -> None:
        """Find the input of each link: by the name of the saved input that holds it, as a
        definition may have changed since; by its number where none does."""
        by_number: dict[tuple[str, int], EditorLink] = {}
        named: dict[tuple[str, int], EditorLink] = {}
        for link in canvas.links:
            node = canvas.nodes.get(link.target)
            number, names = None, []
            if node is not None:
                names = [slot.name for slot in node.inputs if slot.link == link.id]
                sockets = self._sockets(canvas, node)
                number = next((i for i, s in enumerate(sockets) if s.name in names), None)
            if number is not None:
                named.setdefault((link.target, number), link)
                link.target_slot = number
            elif not names:  # else to an input that is no more
                by_number.setdefault((link.target, link.target_slot), link)
        canvas.into = {**by_number, **named}

    def _real_nodes(self) -> list[tuple[_Place, EditorNode]]:
        """Every use of every node that runs. A muted or bypassed subgraph's node hides all that is
        in it where it lies in the workflow itself; inside another subgraph the nodes' own modes
        count, as in the editor."""
        found: list[tuple[_Place, EditorNode]] = []
        waiting = [_Place(self.workflow.root)]
        while waiting:
            place = waiting.pop()
            for node in place.canvas.nodes.values():
                definition = self.workflow.definitions.get(node.type)
                if definition is None:
                    if not node.silent and node.type not in VIRTUAL:
                        found.append((place, node))
                elif place.path or not node.silent:
                    waiting.append(_Place(definition, (*place.path, node.id), place, node))
                if len(found) + len(waiting) > MOST_NODES:
                    raise GraphError(
                        f"{self.workflow.source}: more than {MOST_NODES} nodes, subgraphs unfolded"
                    )
        return found

    def _inputs(self, place: _Place, node: EditorNode) -> dict[str, Any]:
        face = self.faces[place.canvas.id, node.id]
        if face.problem:
            where = self._label(place.canvas, node)
            raise GraphError(f"{self.workflow.source}: {where}: {face.problem}")
        values = {
            name: sent(node.type, name, value, face, self.known)
            for name, value in face.values.items()
        }
        for slot, socket in enumerate(face.sockets):
            resolved = self._resolve(place, node, slot)
            if isinstance(resolved, _Constant):
                values[socket.name] = resolved.value
            elif resolved is not None:
                values[socket.name] = resolved
        return values

    def _resolve(self, place: _Place, node: EditorNode, slot: int) -> Link | _Constant | None:
        """What feeds an input, through all that does nothing itself; None: nothing."""
        kind = ""  # the type that is wanted, "" where the input's own is
        entering = True  # at an input; else at an output
        seen: set[tuple[bool, tuple[str, ...], str, int]] = set()
        while True:
            step = (entering, place.path, node.id, slot)
            if step in seen:
                raise GraphError(
                    f"{self.workflow.source}: {self._label(place.canvas, node)}: "
                    "its links lead back to itself; remove one of them"
                )
            seen.add(step)
            if entering:
                link = place.canvas.into.get((node.id, slot))
                if link is None:
                    return None
                if link.origin == INPUT_NODE and place.outer is not None and place.host is not None:
                    slot, node, place, kind = link.origin_slot, place.host, place.outer, ""
                    if (node.id, slot) not in place.canvas.into:
                        shows, value = self.shown.value(place.canvas, node, slot)
                        return _Constant(value) if shows and value is not None else None
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
                if inner.origin == INPUT_NODE:  # straight through
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
            where = self._label(place.canvas, node) if node else f"subgraph {place.canvas.name}"
            raise GraphError(
                f"{self.workflow.source}: {where}: link {link.id} comes from node {link.origin}, "
                "which does not exist"
            )
        return origin

    def _passed_on(self, canvas: Canvas, node: EditorNode, slot: int, kind: str) -> int | None:
        """The input that a bypassed node passes on as its output `slot` to an input of type `kind`:
        that of the same number if the types fit, else the first of just this type, else the
        first that fits."""
        inputs = [socket.type for socket in self._sockets(canvas, node)]
        outputs = self._outputs(canvas, node)
        given = outputs[slot] if slot < len(outputs) else "*"
        if kind == "*":
            return (slot if slot < len(inputs) else 0) if inputs else None

        def fits(taken: str) -> bool:
            return _connects(taken, given) and _connects(taken, kind)

        if slot < len(inputs) and fits(inputs[slot]):
            return slot
        if kind in inputs:
            return inputs.index(kind)
        return next((i for i, taken in enumerate(inputs) if fits(taken)), None)


def _place_in_javascript(id_: str) -> tuple[int, int]:
    """JavaScript's order of keys: indices of an array ascending, then the others as they came."""
    number = as_number(id_)
    return (1, 0) if number is None or number >= 2**32 - 1 else (0, number)


def _connects(one: str, other: str) -> bool:
    """Whether the editor joins slots of two types: "*" is any, "A,B" either."""
    if "*" in (one, other) or one == other:
        return True
    return not set(one.lower().split(",")).isdisjoint(other.lower().split(","))
