"""Values that the editor changes on their way out: primitives, names of files, varied prompts."""

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .form import Canvas, EditorNode
from .nodes import Face, stepped

Faces = Mapping[tuple[str, str], Face]

# Nodes of ComfyUI whose `filename_prefix` may hold dates and other nodes' values.
_SAVES = frozenset(
    {
        *("SaveImage", "SaveImageAdvanced", "SaveSVGNode", "SaveVideo", "SaveAnimatedWEBP"),
        *("SaveWEBM", "SaveAudio", "SaveAudioMP3", "SaveAudioOpus", "SaveAudioAdvanced"),
        *("SaveGLB", "Save3DAdvanced", "SaveGaussianSplat", "SavePointCloud"),
        *("SaveAnimatedPNG", "CLIPSave", "VAESave", "ModelSave", "LoraSave", "SaveLatent"),
    }
)
_UNFIT = re.compile(r'[/?<>\\:*|"\x00-\x1F\x7F]')
_DATE = re.compile("dd?|MM?|hh?|mm?|ss?|yyyy|yyy|yy")
_COMMENT = re.compile(r"/\*[\s\S]*?\*/|//.*")


@dataclass(frozen=True)
class Known:
    """A node as texts name it: by an alias that the user may set, or by its title."""

    alias: str
    title: str
    values: Mapping[str, Any]


def sent(class_type: str, name: str, value: Any, face: Face, known: Sequence[Known]) -> Any:
    """A widget's value as it is sent: names of files filled in, one of {a|b} chosen.

    known: every node, those of a subgraph before the node that stands for it
    """
    if not isinstance(value, str):
        return value
    if name == "filename_prefix" and class_type in _SAVES:
        return filled_in(value, known)
    spec = face.specs.get(name)
    if spec is not None and spec.widget.get("dynamicPrompts") is True:
        return one_of(value)
    return value


def apply_primitive(canvas: Canvas, node: EditorNode, faces: Faces, known: Sequence[Known]) -> None:
    """Give a primitive's value to the widgets that it is linked to, whatever its mode.

    It counts only while the type of its output is that of the first widget: else the editor makes
    the primitive anew, with that widget's value.
    """
    driven = []
    for link in canvas.outgoing(node.id, 0):
        face = faces.get((canvas.id, link.target))
        if face is not None and link.target_slot < len(face.sockets):
            spec = face.sockets[link.target_slot].spec
            if spec is not None:
                driven.append((face, spec))
    if not driven:
        return
    face, spec = driven[0]
    kind = node.outputs[0].type if node.outputs else "*"
    if isinstance(node.values, list) and node.values and kind == spec.io_type:
        value = node.values[0]
    elif spec.id in face.values:
        value = face.values[spec.id]
    else:
        return
    if isinstance(value, str) and value and node.properties.get("Run widget replace on values"):
        value = filled_in(value, known)
    for face, spec in driven:
        face.values[spec.id] = stepped(value, spec)


def filled_in(text: str, known: Sequence[Known]) -> str:
    """`text` with %date:yyyy-MM-dd% and %Node.widget% replaced; what is unknown stays."""

    def replace(match: re.Match[str]) -> str:
        name, *widget = match.group(1).split(".")
        if len(widget) != 1:
            return _date(name[5:]) if name.startswith("date:") else match.group(0)
        named = next((n for n in known if n.alias == name), None)
        named = named or next((n for n in known if n.title == name), None)
        if named is None or widget[0] not in named.values:
            return match.group(0)
        return _UNFIT.sub("_", _as_text(named.values[widget[0]]))

    return re.sub("%([^%]+)%", replace, text)


def _as_text(value: Any) -> str:
    """As JavaScript writes it."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value)


def _date(form: str) -> str:
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

    return _DATE.sub(replace, form)


def one_of(text: str) -> str:
    r"""A prompt without its comments, with one choice of each {a|b} at random; \{ is a brace."""
    text = _COMMENT.sub("", text)
    # From the inside out: a choice is taken from the innermost braces until none are left.
    held = re.sub(r"\\([\s\S])", lambda m: f"\0{ord(m.group(1)):x}\0", text)
    before = None
    while before != held:
        before = held
        held = re.sub(r"\{([^{}]*)\}", lambda m: random.choice(m.group(1).split("|")), held)
    restored = re.sub("\0([0-9a-f]+)\0", lambda m: "\\" + chr(int(m.group(1), 16)), held)
    return re.sub(r"\\([{}|])", r"\1", restored)
