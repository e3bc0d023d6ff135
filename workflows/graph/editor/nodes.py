"""Nodes as the editor lays them out: inputs in order, and the values of widgets.

The order of inputs and widgets decides which widget a value in `widgets_values` belongs to, and
what a bypassed node passes on. The file says neither.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ....nodes.standin.io import AUTOGROW, DYNAMIC_COMBO, Growth, InputSpec, OutputSpec, Schema
from .saved import MAX_SLOTS, EditorNode, Slot
from .scripted import SavedValues, added_values

Definitions = Mapping[str, Schema]

VIRTUAL = ("Reroute", "PrimitiveNode", "Note", "MarkdownNote")
# Types for which the editor has a widget.
_WIDGETS = frozenset(
    {
        *("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "MARKDOWN", "IMAGEUPLOAD", "COLOR"),
        *("IMAGECOMPARE", "BOUNDING_BOX", "CHART", "GALLERIA", "PAINTER", "COMPOSITOR"),
        *("TEXTAREA", "CURVE", "RANGE", "VIDEO_EDIT", "RESOLUTION_PREVIEW", "BOUNDING_BOXES"),
        *("LIGHT_INFO_PREVIEW", "COLORS", "AUDIOUPLOAD", "AUDIO_UI", "AUDIO_RECORD", "LOAD_3D"),
        *("LOAD_3D_ANIMATION", "PREVIEW_3D", "WEBCAM", DYNAMIC_COMBO),
    }
)
_COMBOS = ("COMBO", DYNAMIC_COMBO)
_MATCH_TYPE = "COMFY_MATCHTYPE_V3"
# How a definition names a form of input that the editor replaces by others.
_REPLACED = re.compile(r"COMFY_[A-Z0-9_]+_V\d+")
_MISSING: Any = object()
_UNSAVED = frozenset({"IMAGECOMPARE", "AUDIO_UI"})  # not in widgets_values
_UNSENT = frozenset({"IMAGEUPLOAD", "AUDIOUPLOAD"})  # buttons: in widgets_values, but not an input


@dataclass(frozen=True)
class Socket:
    """An input that a link can go to; `spec` is set where the input belongs to a widget."""

    name: str
    type: str
    spec: InputSpec | None = None


@dataclass
class NodeLayout:
    """A node as the editor shows it: inputs, the types of outputs, and widget values by name.

    specs:   the inputs of the node definition by name; empty for an unknown class
    problem: why the node cannot be converted, or ""
    """

    sockets: list[Socket]
    outputs: list[str]
    values: dict[str, Any] = field(default_factory=dict)
    specs: Mapping[str, InputSpec] = field(default_factory=dict)
    problem: str = ""


def definitions_of(object_info: Mapping[str, Any]) -> dict[str, Schema]:
    """Return the schemas in ComfyUI's response at /object_info, by class.

    Malformed entries are skipped; converting a graph that uses one reports its class as unknown.
    """
    schemas = {}
    for name, entry in object_info.items():
        inputs = entry.get("input") if isinstance(entry, dict) else None
        if not isinstance(inputs, dict):
            continue
        specs = _specs(inputs, _as(dict, entry.get("input_order")))
        types = [_output_type(t) for t in _as(list, entry.get("output"))]
        names = _as(list, entry.get("output_name")) or types
        schemas[name] = Schema(
            node_id=name,
            display_name=str(entry.get("display_name") or name),
            category=str(entry.get("category", "")),
            inputs=specs,
            outputs=[OutputSpec(t, str(n)) for t, n in zip(types, names, strict=False)],
            is_output_node=bool(entry.get("output_node")),
        )
    return schemas


def _specs(inputs: Mapping[str, Any], order: Mapping[str, Any]) -> list[InputSpec]:
    """Return the inputs in the groups "required" and "optional", in the order of the editor."""
    specs = []
    for group in ("required", "optional"):
        given = _as(dict, inputs.get(group))
        first = [id_ for id_ in _as(list, order.get(group)) if isinstance(id_, str)]
        for id_ in dict.fromkeys([*first, *given]):
            raw = given.get(id_)
            if isinstance(raw, list) and raw:
                specs.append(_spec(id_, raw, group == "optional"))
    return specs


def _as(kind: type[Any], value: Any) -> Any:
    """Return the value, or an empty one where it is not of this kind."""
    return value if isinstance(value, kind) else kind()


# Used in arithmetic: values of other types are treated as missing.
_NUMBERS = ("step", "round", "min", "max")


def _spec(id_: str, raw: list[Any], optional: bool) -> InputSpec:
    kind = raw[0]
    options = dict(_as(dict, raw[1])) if len(raw) > 1 else {}
    for name in _NUMBERS:
        if not isinstance(options.get(name, 0), (int, float)):
            del options[name]
    if not isinstance(options.get("widgetType", ""), str):
        del options["widgetType"]
    if kind == DYNAMIC_COMBO:
        return _dynamic_combo(id_, options, optional)
    if kind == AUTOGROW:
        return InputSpec(id_, AUTOGROW, optional, grows=_growth(options.get("template")))
    if kind == _MATCH_TYPE:
        shared = _as(dict, options.get("template"))
        types = shared.get("allowed_types")
        kind = types if isinstance(types, str) else "*"
        options["template"] = shared.get("template_id")
    choices = kind if isinstance(kind, list) else options.pop("options", ())
    template = options.pop("template", "")
    return InputSpec(
        id_,
        "COMBO" if isinstance(kind, list) else str(kind),
        optional,
        str(options.pop("tooltip", "") or ""),
        options.pop("default", None),
        tuple(choices) if isinstance(choices, list) else (),
        options,
        template=template if isinstance(template, str) else "",
    )


def _dynamic_combo(id_: str, options: Mapping[str, Any], optional: bool) -> InputSpec:
    """Return a COMBO whose options bring inputs of their own, which may be dynamic again."""
    branches: dict[str, tuple[InputSpec, ...]] = {}
    for option in _as(list, options.get("options")):
        key, inputs = (_as(dict, option).get(name) for name in ("key", "inputs"))
        if isinstance(key, str) and isinstance(inputs, dict):
            branches[key] = tuple(_specs(inputs, {}))
    rest = {name: value for name, value in options.items() if name not in ("options", "tooltip")}
    tooltip = str(options.get("tooltip") or "")
    return InputSpec(
        id_, DYNAMIC_COMBO, optional, tooltip, None, tuple(branches), rest, branches=branches
    )


def _growth(raw: Any) -> Growth | None:
    """Return what an input that grows becomes; None for a form that is not known."""
    template = _as(dict, raw)
    elements = _specs(_as(dict, template.get("input")), {})
    names, prefix = template.get("names"), template.get("prefix")
    least, most = template.get("min", 0), template.get("max", 0)
    if len(elements) != 1 or not isinstance(least, int) or not isinstance(most, int):
        return None
    if isinstance(names, list):
        listed = tuple(name for name in names if isinstance(name, str))
    elif isinstance(prefix, str):
        listed = tuple(f"{prefix}{number}" for number in range(min(most, MAX_SLOTS)))
    else:
        return None
    return Growth(elements[0], listed, least)


def _output_type(raw: Any) -> str:
    if isinstance(raw, list):
        return "COMBO"
    return "*" if raw == _MATCH_TYPE else str(raw)


def layout_of(node: EditorNode, definitions: Definitions) -> NodeLayout:
    """Return the layout of a node that is not a subgraph.

    For a class that has no definition, it follows from what the file says.
    """
    schema = definitions.get(node.type)
    if node.type in VIRTUAL or schema is None:
        sockets = [Socket(s.name, s.type, _known_by_file(s)) for s in node.inputs]
        layout = NodeLayout(sockets, [s.type for s in node.outputs])
        if node.type not in VIRTUAL:
            layout.values, layout.problem = _values_of_unknown(node)
        return layout
    fields = _Fields(node, schema)
    sockets = [
        Socket(spec.id, _type_of(spec), spec if is_widget(spec) else None)
        for spec in fields.specs
        if not spec.widget.get("socketless")
    ]
    sockets += _added_sockets(node, fields)
    outputs = [o.io_type for o in schema.outputs]
    outputs += [s.type for s in node.outputs[len(outputs) :]]
    return NodeLayout(
        sockets, outputs, fields.values, {spec.id: spec for spec in fields.specs}, fields.problem
    )


def _added_sockets(node: EditorNode, fields: "_Fields") -> list[Socket]:
    """Return the inputs in the file that the definition does not list, and links into widgets
    that show no socket.

    Scripts of node packs add inputs. Those of widgets need the widget, and those of an option that
    is not chosen disappear with it.
    """
    known = {spec.id: spec for spec in fields.specs}
    added = []
    for slot in node.inputs:
        spec = known.get(slot.name)
        if spec is not None:
            if spec.widget.get("socketless") and slot.link is not None:
                added.append(Socket(slot.name, _type_of(spec), spec if is_widget(spec) else None))
        elif not slot.widget and not slot.name.startswith(fields.replaced):
            added.append(Socket(slot.name, slot.type))
    return added


class _Fields:
    """The inputs that a node shows, with the values of its widgets.

    A dynamic combo is followed by the inputs of its option, an input that grows is replaced by as
    many as the file lists; they have dotted names, such as "format.codec" and "images.image0".

    specs:    sockets first, then widgets
    values:   of widgets by name: as saved, or defaults for widgets that were added since
    replaced: beginnings of names that only the definition's own inputs may have
    problem:  an input of an unknown form, or ""
    """

    def __init__(self, node: EditorNode, schema: Schema):
        self.specs: list[InputSpec] = []
        self.values: dict[str, Any] = {}
        self.replaced: tuple[str, ...] = ()
        self.problem = ""
        self._listed = {slot.name for slot in node.inputs}
        self._named = node.values if isinstance(node.values, dict) else None
        given = node.values if isinstance(node.values, list) else []
        self._saved = SavedValues(_without_forced(given, schema))
        for spec in schema.inputs:
            if not is_widget(spec):
                self._add(spec)
        for spec in schema.inputs:
            if is_widget(spec):
                self._add(spec)
        self.values |= added_values(node.type, self._saved)

    def _add(self, spec: InputSpec) -> None:
        if spec.io_type == AUTOGROW and spec.grows is not None:
            for number, name in enumerate(spec.grows.names):
                id_ = f"{spec.id}.{name}"
                if number < max(spec.grows.least, 1) or id_ in self._listed:
                    self._add(replace(spec.grows.spec, id=id_))
            return
        if _REPLACED.fullmatch(spec.io_type) and spec.io_type != DYNAMIC_COMBO:
            self.problem = self.problem or (
                f"the input {spec.id!r} is of a form that is not known here ({spec.io_type}); "
                "export the workflow from ComfyUI with Workflow > Export (API)"
            )
            return
        self.specs.append(spec)
        if not is_widget(spec):
            return
        value = self._value(spec)
        if spec.io_type == DYNAMIC_COMBO:
            self.replaced += (f"{spec.id}.",)
            for inner in spec.branches.get(value, ()) if isinstance(value, str) else ():
                self._add(replace(inner, id=f"{spec.id}.{inner.id}"))

    def _value(self, spec: InputSpec) -> Any:
        """Return the value of a widget and put it among `values`."""
        if self._named is not None:
            value = self._named.get(spec.id, _MISSING)
        elif spec.io_type in _UNSAVED:
            value = _MISSING
        else:
            if spec.io_type == "LOAD_3D":
                self.values |= self._saved.view_buttons()
            value = self._saved.take(_MISSING)
            for _ in range(extra_places(spec)):
                self._saved.take()
        saved = value is not _MISSING
        if not saved:
            value = start_value(spec)
        elif value is None and spec.io_type in _COMBOS:
            value = (spec.options or (None,))[0]
        if spec.io_type not in _UNSENT and (value is not None or saved):
            self.values[spec.id] = value
        return value


def is_widget(spec: InputSpec) -> bool:
    """Return whether the editor has a widget for this input."""
    kind = spec.widget.get("widgetType") or spec.io_type
    return kind in _WIDGETS and not spec.widget.get("forceInput")


def _type_of(spec: InputSpec) -> str:
    return "*" if spec.io_type == "" else spec.io_type


def _known_by_file(slot: Slot) -> InputSpec | None:
    return InputSpec(slot.widget, slot.type) if slot.widget else None


def extra_places(spec: InputSpec) -> int:
    """Return how many positions in `widgets_values` follow this input's own.

    They hold what happens to a seed after a run and, for a COMBO, a filter of its choices.
    """
    flag = spec.widget.get("control_after_generate")
    if flag is None:
        return int(spec.io_type == "INT" and spec.id in ("seed", "noise_seed"))
    if not flag or spec.io_type not in ("INT", "FLOAT", "COMBO"):
        return 0
    return 2 if spec.io_type == "COMBO" else 1


def start_value(spec: InputSpec) -> Any:
    """Return what a widget shows in a new node, or None for nothing."""
    if spec.io_type in _COMBOS:
        return spec.default or (spec.options[0] if spec.options else None)
    if spec.default is not None:
        return spec.default
    if spec.io_type == "IMAGECOMPARE":
        return ["", ""]
    return {"INT": 0, "FLOAT": 0, "STRING": "", "BOOLEAN": False}.get(spec.io_type)


def _without_forced(values: list[Any], schema: Schema) -> list[Any]:
    """Return the values without those of inputs that have no widget (forceInput).

    Older editors saved a position for these, too.
    """
    forced: list[bool] = []
    for spec in schema.inputs:
        if is_widget(spec) or spec.widget.get("forceInput"):
            forced.append(bool(spec.widget.get("forceInput")))
            if spec.widget.get("control_after_generate"):
                forced.append(False)
    if len(values) != len(forced):
        return values
    return [value for value, skip in zip(values, forced, strict=True) if not skip]


def _values_of_unknown(node: EditorNode) -> tuple[dict[str, Any], str]:
    """Return the values by name as far as the file tells, and why it tells too little or "".

    Newer editors list every widget among the inputs, or also save the values by name.
    """
    names = [slot.widget for slot in node.inputs if slot.widget]
    if isinstance(node.values, dict):
        return {n: v for n, v in node.values.items() if not names or n in names}, ""
    if node.named:
        return {name: node.named[name] for name in names if name in node.named}, ""
    seeded: list[str | None] = []
    for slot in node.inputs:
        if slot.widget:
            seeded.append(slot.widget)
            if slot.type == "INT" and slot.widget in ("seed", "noise_seed"):
                seeded.append(None)
    for places in (names, seeded):
        if len(places) == len(node.values):
            pairs = zip(places, node.values, strict=True)
            return {name: value for name, value in pairs if name is not None}, ""
    return {}, (
        f"there is no node class {node.type!r} here, and the file does not say which of "
        f"its inputs the {len(node.values)} widgets_values belong to (it names {len(names)} "
        "widgets); take the definitions from a ComfyUI that has the node (kinograph convert "
        "--server URL), or export the workflow from there with Workflow > Export (API)"
    )


def stepped(value: Any, spec: InputSpec) -> Any:
    """Return a number as a widget takes it over: rounded to its step, a FLOAT within its bounds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    if not abs(value) < 2**53:  # also NaN; beyond, JavaScript has no exact integers
        return value
    step = spec.widget.get("step")
    if step is not None and not 1e-9 <= step < 2**53:
        step = 0 if step == 0 else None  # not a usable step
    if spec.io_type == "INT":
        step = step or 1
        offset = 0 if step == 1 else math.fmod(spec.widget.get("min") or 0, step)
        return int(_round((value - offset) / step) * step + offset)
    if spec.io_type != "FLOAT":
        return value
    digits = max(0, -math.floor(math.log10(0.5 if step is None else step))) if step != 0 else 0
    unit = spec.widget.get("round") or (10**-digits if digits else None)
    if not unit or not abs(value / unit) < 2**53:
        return value
    value = round(_round(value / unit) * unit, digits)
    low, high = spec.widget.get("min", 0), spec.widget.get("max", 2048)
    return min(max(value, low), high)


def _round(value: float) -> int:
    """Round halves up, as JavaScript does."""
    return math.floor(value + 0.5)
