"""Subgraphs of a workflow: unique ids, and widgets promoted to the node that instantiates one.

A promoted widget is an input of the definition that is linked to the widget's input inside, with a
value of its own in every instance. Older files list promoted widgets in the property `proxyWidgets`
instead; they are treated as if such an input existed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ....engines.errors import GraphError
from .nodes import NodeLayout
from .saved import INPUT_NODE, Canvas, EditorLink, EditorNode, Slot, Workflow, as_number

MAX_NESTING = 100  # of subgraphs

_PREFIX = re.compile(r"^\s*\d+\s*:\s*(.+)$", re.DOTALL)


def leaves_first(workflow: Workflow) -> list[Canvas]:
    """Return the definitions, each after those that it uses.

    Raises `GraphError` for a definition that contains itself.
    """
    order: list[Canvas] = []
    done: set[str] = set()
    for start in workflow.definitions.values():
        stack = [(start, iter(_used(start, workflow)))]
        path = {start.id}
        while stack and start.id not in done:
            canvas, rest = stack[-1]
            used = next(rest, None)
            if used is None:
                stack.pop()
                path.discard(canvas.id)
                done.add(canvas.id)
                order.append(canvas)
            elif used.id in path:
                raise GraphError(
                    f"{workflow.source}: the subgraph {used.name} contains itself; "
                    "remove the inner one"
                )
            elif len(path) > MAX_NESTING:
                raise GraphError(
                    f"{workflow.source}: subgraphs are nested more than {MAX_NESTING} deep"
                )
            elif used.id not in done:
                path.add(used.id)
                stack.append((used, iter(_used(used, workflow))))
    return order


def _used(canvas: Canvas, workflow: Workflow) -> Iterator[Canvas]:
    for node in canvas.nodes.values():
        if node.type in workflow.definitions:
            yield workflow.definitions[node.type]


def make_ids_unique(workflow: Workflow) -> None:
    """Assign new ids to nodes of subgraphs whose ids are taken, as the editor does."""
    taken = set(workflow.root.nodes)
    last = max([workflow.last_node, *(as_number(id_) or 0 for id_ in taken)])
    uses: dict[str, list[EditorNode]] = {}  # instances by definition
    for holder in (workflow.root, *workflow.definitions.values()):
        for node in holder.nodes.values():
            if node.type in workflow.definitions:
                uses.setdefault(node.type, []).append(node)
    for canvas in workflow.definitions.values():
        changed: dict[str, str] = {}
        for node in canvas.nodes.values():
            if node.id in taken:
                last += 1
                while str(last) in taken:
                    last += 1
                changed[node.id] = str(last)
            else:
                last = max(last, as_number(node.id) or 0)
            taken.add(changed.get(node.id, node.id))
        if changed:
            _rename(canvas, changed, uses.get(canvas.id, []))


def _rename(canvas: Canvas, changed: Mapping[str, str], uses: Iterable[EditorNode]) -> None:
    for node in canvas.nodes.values():
        node.id = changed.get(node.id, node.id)
    canvas.nodes = {node.id: node for node in canvas.nodes.values()}
    for link in canvas.links:
        link.origin = changed.get(link.origin, link.origin)
        link.target = changed.get(link.target, link.target)
    for node in uses:
        if isinstance(node.properties.get("proxyWidgets"), list):
            shown = [
                [changed.get(str(entry[0]), entry[0]), *entry[1:]]
                if isinstance(entry, list) and entry
                else entry
                for entry in node.properties["proxyWidgets"]
            ]
            node.properties = {**node.properties, "proxyWidgets": shown}


@dataclass
class PromotedWidgets:
    """The widgets that instances of subgraphs show, and their values.

    layouts: of all nodes that are not subgraphs, by canvas and node
    values:  set on an instance, by canvas, node and input number
    """

    workflow: Workflow
    layouts: dict[tuple[str, str], NodeLayout]
    values: dict[tuple[str, str, int], Any] = field(default_factory=dict)
    _inside: dict[tuple[str, int], tuple[str, str] | None] = field(default_factory=dict)
    _shown: dict[str, tuple[list[int], dict[tuple[str, str], int]]] = field(default_factory=dict)
    _taken: dict[str, dict[str, int]] = field(default_factory=dict)  # names, with the next number
    _made: dict[tuple[str, str], int] = field(default_factory=dict)  # by definition and primitive

    def settle(self, canvas: Canvas) -> None:
        """Read the widgets of the instances on a canvas; call it for inner canvases first."""
        instances = [
            (node, self.workflow.definitions[node.type])
            for node in canvas.nodes.values()
            if node.type in self.workflow.definitions
        ]
        for node, definition in instances:
            saved = node.values if isinstance(node.values, list) else []
            kept = _kept_by_name(node)
            for slot, value in zip(self._places(definition)[0], saved, strict=False):
                value = kept.get(definition.inputs[slot].name, value)
                self.values[canvas.id, node.id, slot] = value
        for node, definition in instances:
            entries = node.properties.get("proxyWidgets")
            for i, entry in enumerate(entries if isinstance(entries, list) else []):
                if not (isinstance(entry, list) and len(entry) >= 2 and isinstance(entry[1], str)):
                    continue
                shown = self._slot(definition, str(entry[0]), entry[1])
                if shown is None:
                    continue
                primitive = definition.nodes.get(str(entry[0]))
                if isinstance(node.values, list) and i < len(node.values):
                    self.values[canvas.id, node.id, shown] = node.values[i]
                elif primitive is not None and primitive.type == "PrimitiveNode":
                    for value in list(primitive.values)[:1]:
                        self.values[canvas.id, node.id, shown] = value

    def _places(self, definition: Canvas) -> tuple[list[int], dict[tuple[str, str], int]]:
        """Return the inputs that show a widget, and for each widget the first of them."""
        if definition.id not in self._shown:
            numbers: list[int] = []
            first: dict[tuple[str, str], int] = {}
            for slot in range(len(definition.inputs)):
                target = self.inside(definition, slot)
                if target is not None:
                    numbers.append(slot)
                    first.setdefault(target, slot)
            self._shown[definition.id] = numbers, first
        return self._shown[definition.id]

    def inside(self, definition: Canvas, slot: int) -> tuple[str, str] | None:
        """Return the node and the widget inside that an input of the definition is linked to.

        For a nested subgraph it is the name of its input. With several links, the first that leads
        to a widget counts.
        """
        if not 0 <= slot < len(definition.inputs):
            return None
        if (definition.id, slot) not in self._inside:
            self._inside[definition.id, slot] = self._look_inside(definition, slot)
        return self._inside[definition.id, slot]

    def _look_inside(self, definition: Canvas, slot: int) -> tuple[str, str] | None:
        for link in links_from(definition, slot):
            node = definition.nodes.get(link.target)
            if node is None:
                continue
            if (nested := self.workflow.definitions.get(node.type)) is not None:
                if link.target_slot < len(nested.inputs) and self.inside(nested, link.target_slot):
                    return node.id, nested.inputs[link.target_slot].name
                continue
            sockets = self.layouts[definition.id, node.id].sockets
            if link.target_slot < len(sockets):
                spec = sockets[link.target_slot].spec
                if spec is not None:
                    return node.id, spec.id
        return None

    def value(self, canvas: Canvas, node: EditorNode, slot: int) -> tuple[bool, Any]:
        """Return whether an instance shows a widget with a value at this input, and the value.

        The value is the instance's own, which may be None, or that of the widget inside.
        """
        while True:
            definition = self.workflow.definitions[node.type]
            target = self.inside(definition, slot)
            if target is None:
                return False, None
            if (canvas.id, node.id, slot) in self.values:
                return True, self.values[canvas.id, node.id, slot]
            inner = definition.nodes[target[0]]
            if inner.type not in self.workflow.definitions:
                value = self.layouts[definition.id, inner.id].values.get(target[1])
                return value is not None, value
            names = [s.name for s in self.workflow.definitions[inner.type].inputs]
            canvas, node, slot = definition, inner, names.index(target[1])

    def _slot(self, definition: Canvas, source: str, name: str) -> int | None:
        """Return the definition's input that promotes a widget of `source`; add a missing one."""
        if source == "-1":  # an input, by its own name
            names = [slot.name for slot in definition.inputs]
            return names.index(name) if name in names else None
        if (definition.id, source) in self._made:
            return self._made[definition.id, source]
        node = definition.nodes.get(source)
        while True:
            promoted = self._places(definition)[1].get((source, name))
            if promoted is not None:
                return promoted
            if node is not None and self._target(definition, node, name) is not None:
                break
            plain = _PREFIX.match(name)  # older editors prefixed the name with "12: "
            if plain is None:
                return None
            name = plain.group(1)
        targets = self._targets(definition, node, name)
        if not targets:
            return None
        unique = self._unique_name(definition, name)
        number = len(definition.inputs)
        if node is not None and node.type == "PrimitiveNode":
            self._made[definition.id, source] = number
        definition.inputs.append(Slot(unique, "*"))
        replaced = any(target in definition.into for target in targets)
        definition.connect(
            {
                (target, at): EditorLink(f"{unique}/{target}/{at}", INPUT_NODE, number, target, at)
                for target, at in targets
            }
        )
        if replaced:  # what another input led to may be gone
            self._inside.clear()
            self._shown.clear()
        else:
            self._add_place(definition, number)
        return number

    def _unique_name(self, definition: Canvas, name: str) -> str:
        """Return the name, with a number appended if an input of the definition has it already."""
        taken = self._taken.setdefault(definition.id, {})
        if not taken:
            taken.update(dict.fromkeys((slot.name for slot in definition.inputs), 1))
        unique = name
        while unique in taken:
            unique = f"{name}_{taken[name]}"
            taken[name] += 1
        taken[unique] = 1
        return unique

    def _add_place(self, definition: Canvas, number: int) -> None:
        numbers, first = self._places(definition)
        target = self.inside(definition, number)
        if target is not None and number not in numbers[-1:]:
            numbers.append(number)
            first.setdefault(target, number)

    def _target(self, definition: Canvas, node: EditorNode, name: str) -> int | None:
        """Return the number of the input that belongs to the widget `name` of a node."""
        if node.type == "PrimitiveNode":
            return 0
        if (nested := self.workflow.definitions.get(node.type)) is not None:
            for slot, declared in enumerate(nested.inputs):
                target = self.inside(nested, slot)
                if target is not None and name in (declared.name, target[1]):
                    return slot
            return None
        for slot, socket in enumerate(self.layouts[definition.id, node.id].sockets):
            if socket.spec is not None and socket.spec.id == name:
                return slot
        return None

    def _targets(self, definition: Canvas, node: EditorNode, name: str) -> list[tuple[str, int]]:
        if node.type == "PrimitiveNode":  # it represents the widgets that it drives
            return [(link.target, link.target_slot) for link in definition.outgoing(node.id, 0)]
        slot = self._target(definition, node, name)
        return [] if slot is None else [(node.id, slot)]


def _kept_by_name(node: EditorNode) -> dict[str, Any]:
    """Return values that the editor keeps aside for inputs that it could not promote."""
    entries = node.properties.get("proxyWidgetErrorQuarantine")
    kept: dict[str, Any] = {}
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or "hostValue" not in entry:
            continue
        original = entry.get("originalEntry")
        if isinstance(original, list) and len(original) >= 2 and original[0] == "-1":
            kept.setdefault(str(original[1]), entry["hostValue"])
    return kept


def links_from(definition: Canvas, slot: int) -> list[EditorLink]:
    """Return the links that leave an input of the definition, in the order that the input lists."""
    links = definition.outgoing(INPUT_NODE, slot)
    order = {id_: i for i, id_ in enumerate(definition.inputs[slot].links)}
    return sorted(links, key=lambda link: order.get(link.id, len(order)))
