"""Create Bounding Boxes: boxes drawn in the editor, in pixels and as elements of a prompt."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ...engines.words import counted
from ...nodes.standin import io, ui
from ...nodes.streaming import ONCE
from .pixels import pixels_of

if TYPE_CHECKING:
    from torch import Tensor

Box = Mapping[str, Any]
"""A box: x, y, width and height in px, and `metadata` with its type, text, desc and palette."""

_LONGEST = 1024  # px of the preview
_DIMMED = 0.25
_PLAIN = (140, 140, 140)


class CreateBoundingBoxes(io.ComfyNode):
    """Gives the boxes that were drawn, or those that come in if they are new.

    The preview has outlines in the boxes' first colours; ComfyUI's has numbers and texts, too.
    """

    STREAMING = ONCE

    @classmethod
    def define_schema(cls) -> io.Schema:
        boxes = io.Custom("BOUNDING_BOXES")
        kinds = [io.Custom("BOUNDING_BOX"), io.Custom("ARRAY"), io.String]
        return io.Schema(
            node_id="CreateBoundingBoxes",
            display_name="Create Bounding Boxes",
            category="utilities",
            is_output_node=True,
            inputs=[
                io.Image.Input("background", optional=True, tooltip="Behind the preview."),
                io.MultiType.Input("bboxes", kinds, optional=True),
                io.Int.Input("width", default=1024, min=64, max=16384, step=16),
                io.Int.Input("height", default=1024, min=64, max=16384, step=16),
                boxes.Input("editor_state"),
                boxes.Input("last_incoming", optional=True),
            ],
            outputs=[
                io.Image.Output(display_name="preview"),
                io.Custom("BOUNDING_BOX").Output(display_name="bboxes"),
                io.Custom("ARRAY").Output(display_name="elements"),
            ],
        )

    @classmethod
    def execute(
        cls,
        width: int,
        height: int,
        editor_state: Any = None,
        last_incoming: Any = None,
        background: Tensor | None = None,
        bboxes: Any = None,
    ) -> io.NodeOutput:
        size = (width, height)
        incoming = _incoming(bboxes, size)
        known = last_incoming if isinstance(last_incoming, list) else []
        drawn = _boxes(editor_state or [], "editor_state")
        boxes = incoming if incoming and incoming != known else drawn
        frame = [_upright(box) for box in boxes]
        return io.NodeOutput(
            _preview(boxes, size, background),
            [frame] if frame else [],
            [_element(box, size) for box in boxes],
            ui=ui.PreviewText(f"{counted(len(boxes), 'box', 'boxes')} in {width}x{height}"),
        )


def _number(value: Any, where: str) -> float:
    import numpy as np

    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise InputError(f"{where}: expected a number, found {str(value)[:40]!r}")
    return value


def _boxes(raw: Any, where: str) -> list[Box]:
    """Return boxes of plain data. Raises `InputError` for anything else."""
    if not isinstance(raw, list) or not all(isinstance(box, Mapping) for box in raw):
        raise InputError(f"{where}: expected a list of boxes, found {str(raw)[:60]}")
    boxes: list[Box] = []
    for number, box in enumerate(raw):
        sides = ("x", "y", "width", "height")
        made: dict[str, Any] = {
            side: _number(box.get(side, 0), f"{where}: box {number}, {side}") for side in sides
        }
        if isinstance(box.get("metadata"), Mapping):
            made["metadata"] = box["metadata"]
        boxes.append(made)
    return boxes


def _incoming(raw: Any, size: tuple[int, int]) -> list[Box]:
    """Return the boxes of a BOUNDING_BOX, elements of a prompt, or either as JSON."""
    if isinstance(raw, str):
        if not raw.strip():
            return []
        try:
            raw = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise InputError(f"bboxes: expected JSON, found {raw[:40]!r} ({error})") from error
    if not raw:
        return []
    rows = [raw] if isinstance(raw, Mapping) else raw
    if isinstance(rows, list) and isinstance(rows[0], list):
        rows = rows[0]  # of the first frame
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise InputError(f"bboxes: expected boxes or elements, found {str(raw)[:60]}")
    if rows and "bbox" in rows[0]:
        return [_from_element(row, number, size) for number, row in enumerate(rows)]
    for number, row in enumerate(rows):
        if missing := [side for side in ("x", "y", "width", "height") if side not in row]:
            raise InputError(f"bboxes: box {number} has no {missing[0]}")
    return _boxes(rows, "bboxes")


def _from_element(element: Box, number: int, size: tuple[int, int]) -> Box:
    where = f"bboxes: element {number}, bbox"
    sides = element.get("bbox")
    if not isinstance(sides, Sequence) or isinstance(sides, str) or len(sides) != 4:
        raise InputError(f"{where}: expected [ymin, xmin, ymax, xmax], found {str(sides)[:40]}")
    top, left, bottom, right = (_number(side, where) / 1000 for side in sides)
    kind = "text" if element.get("type") == "text" else "obj"
    return {
        "x": round(min(left, right) * size[0]),
        "y": round(min(top, bottom) * size[1]),
        "width": round(abs(right - left) * size[0]),
        "height": round(abs(bottom - top) * size[1]),
        "metadata": {
            "type": kind,
            "text": element.get("text", "") if kind == "text" else "",
            "desc": element.get("desc", ""),
            "palette": element.get("color_palette") or [],
        },
    }


def _upright(box: Box) -> dict[str, int]:
    """Return a box in whole px whose sides are not negative."""
    left, right = sorted((box["x"], box["x"] + box["width"]))
    top, bottom = sorted((box["y"], box["y"] + box["height"]))
    sides = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return {name: round(side) for name, side in sides.items()}


def _element(box: Box, size: tuple[int, int]) -> dict[str, Any]:
    """Return a box as an element of a prompt: [ymin, xmin, ymax, xmax] in thousandths."""
    about = box.get("metadata", {})

    def grid(pixels: float, side: int) -> int:
        return max(0, min(1000, round(pixels / side * 1000)))

    left, right = sorted(grid(x, size[0]) for x in (box["x"], box["x"] + box["width"]))
    top, bottom = sorted(grid(y, size[1]) for y in (box["y"], box["y"] + box["height"]))
    kind = "text" if about.get("type") == "text" else "obj"
    element: dict[str, Any] = {"type": kind, "bbox": [top, left, bottom, right]}
    if kind == "text":
        element["text"] = about.get("text", "")
    element["desc"] = about.get("desc", "")
    if palette := [colour.upper() for colour in _palette(box)]:
        element["color_palette"] = palette[:5]
    return element


def _palette(box: Box) -> list[str]:
    colours = box.get("metadata", {}).get("palette") or []
    listed = colours.values() if isinstance(colours, Mapping) else colours
    if not isinstance(listed, str):
        return [colour for colour in listed if isinstance(colour, str) and colour]
    return [listed]


def _rgb(colour: str) -> tuple[int, ...]:
    try:
        red_green_blue = bytes.fromhex(colour.lstrip("#"))
    except ValueError:
        return (255, 255, 255)
    return tuple(red_green_blue) if len(red_green_blue) == 3 else (255, 255, 255)


def _preview(boxes: Sequence[Box], size: tuple[int, int], background: Tensor | None) -> Tensor:
    """Return [1,H,W,3]: outlines of the boxes, over the dimmed background."""
    import torch
    from PIL import Image, ImageDraw, ImageEnhance

    wide, tall = size
    if background is not None:
        tall, wide = background.shape[1:3]
    scale = min(1.0, _LONGEST / max(wide, tall))
    shape = (max(1, round(wide * scale)), max(1, round(tall * scale)))
    if background is None:
        picture = Image.new("RGB", shape, (round(_DIMMED * 128),) * 3)
    else:
        pixels = (background[0, ..., :3] * 255).clamp(0, 255).to("cpu", torch.uint8).numpy()
        picture = Image.fromarray(pixels).resize(shape, Image.Resampling.LANCZOS)
        picture = ImageEnhance.Brightness(picture).enhance(_DIMMED)
    draw = ImageDraw.Draw(picture)
    for box in boxes:
        colours = _palette(box)
        xs = sorted(box["x"] + part for part in (0, box["width"]))
        ys = sorted(box["y"] + part for part in (0, box["height"]))
        left, right = (max(0, min(shape[0], round(x / size[0] * shape[0]))) for x in xs)
        top, bottom = (max(0, min(shape[1], round(y / size[1] * shape[1]))) for y in ys)
        tint = _rgb(colours[0]) if colours else _PLAIN
        draw.rectangle((left, top, right, bottom), outline=tint, width=2)
    return pixels_of(picture)[None]
