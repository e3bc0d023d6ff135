"""Nodes as the editor lays them out: inputs in order, and the values of widgets.

The order of inputs and widgets decides which widget a value in `widgets_values` belongs to, and
what a bypassed node passes on. The file says neither.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ....nodes.standin.io import DYNAMIC_COMBO, InputSpec, OutputSpec, Schema
from .saved import EditorNode, Slot

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
    problem: why a node of an unknown class cannot be converted, or ""
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
        specs = []
        for group in ("required", "optional"):
            given = _as(dict, inputs.get(group))
            order = _as(list, _as(dict, entry.get("input_order")).get(group))
            order = [id_ for id_ in order if isinstance(id_, str)]
            for id_ in dict.fromkeys([*order, *given]):
                raw = given.get(id_)
                if isinstance(raw, list) and raw:
                    specs.append(_spec(id_, raw, group == "optional"))
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
    choices = kind if isinstance(kind, list) else options.pop("options", ())
    return InputSpec(
        id_,
        "COMBO" if isinstance(kind, list) else str(kind),
        optional,
        str(options.pop("tooltip", "") or ""),
        options.pop("default", None),
        tuple(choices) if isinstance(choices, list) else (),
        options,
    )


def _output_type(raw: Any) -> str:
    if isinstance(raw, list):
        return "COMBO"
    return "*" if raw == "COMFY_MATCHTYPE_V3" else str(raw)


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
    shown = [spec for spec in schema.inputs if is_widget(spec)]
    sockets = [Socket(s.id, _type_of(s)) for s in schema.inputs if not is_widget(s)]
    sockets += [Socket(s.id, _type_of(s), s) for s in shown if not s.widget.get("socketless")]
    taken = {spec.id for spec in schema.inputs}
    # Inputs that a script of the node pack added. Those of widgets need the widget.
    sockets += [Socket(s.name, s.type) for s in node.inputs if s.name not in taken and not s.widget]
    outputs = [o.io_type for o in schema.outputs]
    outputs += [s.type for s in node.outputs[len(outputs) :]]
    values = _values(node, schema, shown)
    return NodeLayout(sockets, outputs, values, {spec.id: spec for spec in schema.inputs})


def is_widget(spec: InputSpec) -> bool:
    """Return whether the editor has a widget for this input."""
    kind = spec.widget.get("widgetType") or spec.io_type
    return kind in _WIDGETS and not spec.widget.get("forceInput")


def _type_of(spec: InputSpec) -> str:
    return "*" if spec.io_type == "" else spec.io_type


def _known_by_file(slot: Slot) -> InputSpec | None:
    return InputSpec(slot.widget, slot.type) if slot.widget else None


def _values(node: EditorNode, schema: Schema, shown: list[InputSpec]) -> dict[str, Any]:
    """Return the widget values: as saved, or defaults for inputs that were added since."""
    places: list[InputSpec | None] = []  # None: a position that belongs to no input
    for spec in shown:
        if spec.io_type not in _UNSAVED:
            places += [spec, *([None] * extra_places(spec))]
    if isinstance(node.values, dict):
        saved = {s.id: node.values[s.id] for s in shown if s.id in node.values}
    else:
        given = _without_forced(node.values, schema, len(places))
        saved = {s.id: v for s, v in zip(places, given, strict=False) if s is not None}
    values: dict[str, Any] = {}
    for spec in shown:
        value = saved.get(spec.id)
        if spec.id not in saved or (value is None and spec.io_type in ("COMBO", DYNAMIC_COMBO)):
            value = start_value(spec) if spec.id not in saved else (spec.options or (None,))[0]
        if spec.io_type not in _UNSENT and (value is not None or spec.id in saved):
            values[spec.id] = value
    return values


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
    if spec.io_type in ("COMBO", DYNAMIC_COMBO):
        return spec.default or (spec.options[0] if spec.options else None)
    if spec.default is not None:
        return spec.default
    return {"INT": 0, "FLOAT": 0, "STRING": "", "BOOLEAN": False}.get(spec.io_type)


def _without_forced(values: list[Any], schema: Schema, places: int) -> list[Any]:
    """Return the values without those of inputs that have no widget (forceInput).

    Older editors saved a position for these, too.
    """
    forced: list[bool] = []
    for spec in schema.inputs:
        if is_widget(spec) or spec.widget.get("forceInput"):
            forced.append(bool(spec.widget.get("forceInput")))
            if spec.widget.get("control_after_generate"):
                forced.append(False)
    if len(values) != len(forced) or (True not in forced and len(values) == places):
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
