"""Resize Image/Mask: scales images or masks by one of several rules."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...nodes.standin import io
from ...nodes.streaming import Rule
from .scaling import CROPS, LARGEST, METHODS, longest_as, resized

if TYPE_CHECKING:
    from torch import Tensor


class ResizeImageMaskNode(io.ComfyNode):
    STREAMING = Rule("frames", ("input", "resize_type.match"), one=("resize_type.match",))

    @classmethod
    def define_schema(cls) -> io.Schema:
        def side(name: str) -> io.InputSpec:
            return io.Int.Input(name, default=512, min=0, max=LARGEST, step=1)

        template = io.MatchType.Template("input_type", [io.Image, io.Mask])
        crop = io.Combo.Input("crop", options=CROPS, default="center")
        match = io.MultiType.Input("match", [io.Image, io.Mask])
        factor = io.Float.Input("multiplier", default=1.0, min=0.01, max=8.0, step=0.01)
        total = io.Float.Input("megapixels", default=1.0, min=0.01, max=16.0, step=0.01)
        multiple = io.Int.Input("multiple", default=8, min=1, max=LARGEST, step=1)
        option = io.DynamicCombo.Option
        return io.Schema(
            node_id="ResizeImageMaskNode",
            display_name="Resize Image/Mask",
            category="image/transform",
            inputs=[
                io.MatchType.Input("input", template),
                io.DynamicCombo.Input(
                    "resize_type",
                    [
                        option("scale dimensions", [side("width"), side("height"), crop]),
                        option("scale by multiplier", [factor]),
                        option("scale longer dimension", [side("longer_size")]),
                        option("scale shorter dimension", [side("shorter_size")]),
                        option("scale width", [side("width")]),
                        option("scale height", [side("height")]),
                        option("scale total pixels", [total]),
                        option("match size", [match, crop]),
                        option("scale to multiple", [multiple]),
                    ],
                ),
                io.Combo.Input("scale_method", options=METHODS, default="area"),
            ],
            outputs=[io.MatchType.Output(template, display_name="resized")],
        )

    @classmethod
    def execute(
        cls, input: Tensor, resize_type: Mapping[str, Any], scale_method: str
    ) -> io.NodeOutput:
        tall, wide = input.shape[1:3]
        if resize_type["resize_type"] == "scale to multiple":
            return io.NodeOutput(_to_multiple(input, resize_type["multiple"], scale_method))
        height, width = _target((tall, wide), resize_type)
        if not width and not height and {"width", "height"} & resize_type.keys():
            return io.NodeOutput(input)
        crop = resize_type.get("crop", "disabled")
        return io.NodeOutput(resized(input, width, height, scale_method, crop))


def _target(size: tuple[int, int], given: Mapping[str, Any]) -> tuple[int, int]:
    """Return the new height and width in px; both are 0 where neither is chosen."""
    tall, wide = size
    if "match" in given:
        height, width = given["match"].shape[1:3]
        return height, width
    if "longer_size" in given:
        return longest_as(size, given["longer_size"])
    if "shorter_size" in given:
        shorter = given["shorter_size"]
        if tall < wide:
            return shorter, round(wide / tall * shorter)
        return (round(tall / wide * shorter) if wide < tall else shorter), shorter
    if "multiplier" in given:
        return round(tall * given["multiplier"]), round(wide * given["multiplier"])
    if "megapixels" in given:
        factor = math.sqrt(int(given["megapixels"] * 1024 * 1024) / (wide * tall))
        return round(tall * factor), round(wide * factor)
    width, height = given.get("width", 0), given.get("height", 0)
    if not width and not height:
        return 0, 0
    return (
        height or max(1, round(tall * width / wide)),
        width or max(1, round(wide * height / tall)),
    )


def _to_multiple(pictures: Tensor, multiple: int, method: str) -> Tensor:
    """Scale to cover the next smaller size that the number divides, and cut what exceeds it."""
    tall, wide = pictures.shape[1:3]
    height, width = tall // multiple * multiple, wide // multiple * multiple
    if not height or not width or (height, width) == (tall, wide):
        return pictures
    if width / wide >= height / tall:
        over_width, over_height = width, max(height, math.ceil(tall * (width / wide)))
    else:
        over_width, over_height = max(width, math.ceil(wide * (height / tall))), height
    scaled = resized(pictures, over_width, over_height, method)
    left, top = (over_width - width) // 2, (over_height - height) // 2
    return scaled[:, top : top + height, left : left + width]
