"""Values that the editor changes when it queues a workflow: primitives, file names, prompts."""

import json
import random
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .nodes import NodeLayout, stepped
from .saved import Canvas, EditorNode

Layouts = Mapping[tuple[str, str], NodeLayout]  # by canvas and node

# Nodes of ComfyUI whose `filename_prefix` may hold dates and other nodes' values.
_SAVES = frozenset(
    {
        *("SaveImage", "SaveImageAdvanced", "SaveSVGNode", "SaveVideo", "SaveAnimatedWEBP"),
        *("SaveWEBM", "SaveAudio", "SaveAudioMP3", "SaveAudioOpus", "SaveAudioAdvanced"),
        *("SaveGLB", "Save3DAdvanced", "SaveGaussianSplat", "SavePointCloud"),
        *("SaveAnimatedPNG", "CLIPSave", "VAESave", "ModelSave", "LoraSave", "SaveLatent"),
    }
)
_FORBIDDEN = re.compile(r'[/?<>\\:*|"\x00-\x1F\x7F]')
_DATE = re.compile("dd?|MM?|hh?|mm?|ss?|yyyy|yyy|yy")
_COMMENT = re.compile(r"/\*[\s\S]*?\*/|//.*")


class NamedNodes:
    """The nodes that texts may refer to, by an alias that the user may set or by their title.

    Of several nodes with the same name, the first counts. Those of a subgraph are added before the
    node that instantiates it.
    """

    def __init__(self) -> None:
        self._by_alias: dict[str, Mapping[str, Any]] = {}
        self._by_title: dict[str, Mapping[str, Any]] = {}

    def add(self, alias: str, title: str, values: Mapping[str, Any]) -> None:
        """Add a node with the values of its widgets."""
        self._by_alias.setdefault(alias, values)
        self._by_title.setdefault(title, values)

    def values(self, name: str) -> Mapping[str, Any]:
        """Return the values of the node of this name; none if there is no such node."""
        return self._by_alias.get(name, self._by_title.get(name, {}))


def queued_value(
    class_type: str, name: str, value: Any, layout: NodeLayout, named: NamedNodes
) -> Any:
    """Return a widget's value as the editor sends it: with file names expanded and {a|b} chosen.

    named: all nodes
    """
    if not isinstance(value, str):
        return value
    if name == "filename_prefix" and class_type in _SAVES:
        return expanded(value, named)
    spec = layout.specs.get(name)
    if spec is not None and spec.widget.get("dynamicPrompts") is True:
        return chosen(value)
    return value


def apply_primitive(canvas: Canvas, node: EditorNode, layouts: Layouts, named: NamedNodes) -> None:
    """Assign a primitive's value to the widgets that it is linked to, whatever its mode.

    Its value applies only if the type of its output is that of the first widget. Otherwise the
    editor recreates the primitive with that widget's value.
    """
    driven = []
    for link in canvas.outgoing(node.id, 0):
        layout = layouts.get((canvas.id, link.target))
        if layout is not None and link.target_slot < len(layout.sockets):
            spec = layout.sockets[link.target_slot].spec
            if spec is not None:
                driven.append((layout, spec))
    if not driven:
        return
    layout, spec = driven[0]
    kind = node.outputs[0].type if node.outputs else "*"
    if isinstance(node.values, list) and node.values and kind == spec.io_type:
        value = node.values[0]
    elif spec.id in layout.values:
        value = layout.values[spec.id]
    else:
        return
    if isinstance(value, str) and value and node.properties.get("Run widget replace on values"):
        value = expanded(value, named)
    for layout, spec in driven:
        layout.values[spec.id] = stepped(value, spec)


def expanded(text: str, named: NamedNodes) -> str:
    """Return the text with %date:yyyy-MM-dd% and %Node.widget% replaced; unknown ones are kept."""

    def replace(match: re.Match[str]) -> str:
        name, *widget = match.group(1).split(".")
        if len(widget) != 1:
            return _date(name[5:]) if name.startswith("date:") else match.group(0)
        values = named.values(name)
        if widget[0] not in values:
            return match.group(0)
        return _FORBIDDEN.sub("_", _as_text(values[widget[0]]))

    return re.sub("%([^%]+)%", replace, text)


def _as_text(value: Any) -> str:
    """Format a value as JavaScript does."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value)


def _date(pattern: str) -> str:
    now = datetime.now()
    parts = {"d": now.day, "M": now.month, "h": now.hour, "m": now.minute, "s": now.second}

    def replace(match: re.Match[str]) -> str:
        token = match.group(0)
        if token == "yy":
            return f"{now.year}"[2:]
        if token == "yyyy":
            return str(now.year)
        if token[0] in parts:
            return str(parts[token[0]]).rjust(len(token), "0")
        return token

    return _DATE.sub(replace, pattern)


def chosen(text: str) -> str:
    r"""Return a prompt without comments, with a random choice from each {a|b}; \{ is a brace."""
    text = _COMMENT.sub("", text)
    # From the inside out: the innermost braces are replaced until none are left.
    escaped = re.sub(r"\\([\s\S])", lambda m: f"\0{ord(m.group(1)):x}\0", text)
    before = None
    while before != escaped:
        before = escaped
        escaped = re.sub(r"\{([^{}]*)\}", lambda m: random.choice(m.group(1).split("|")), escaped)
    restored = re.sub("\0([0-9a-f]+)\0", lambda m: "\\" + chr(int(m.group(1), 16)), escaped)
    return re.sub(r"\\([{}|])", r"\1", restored)
