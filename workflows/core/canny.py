"""Detect Edges (Canny): white where images have edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engines.errors import InputError
from ...nodes.standin import io
from ...nodes.streaming import Rule

if TYPE_CHECKING:
    from torch import Tensor

_GREY = (0.299, 0.587, 0.114)
# Neighbours in the direction of the gradient, from right over down in steps of 45 degrees: y and x.
_NEIGHBOURS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


class Canny(io.ComfyNode):
    """Gives edges of 0 and 1.

    As ComfyUI's: Gaussian blur of 5x5 with sigma 1, Sobel's gradient unnormalised, so that a step
    from black to white reaches 2.6, the largest along the gradient only, and hysteresis.
    """

    STREAMING = Rule("frames", ("image",), draws=True)

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="Canny",
            display_name="Detect Edges (Canny)",
            category="image/filters",
            inputs=[
                io.Image.Input("image", tooltip="The images to find edges in."),
                io.Float.Input("low_threshold", default=0.4, min=0.01, max=0.99, step=0.01),
                io.Float.Input("high_threshold", default=0.8, min=0.01, max=0.99, step=0.01),
            ],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(cls, image: Tensor, low_threshold: float, high_threshold: float) -> io.NodeOutput:
        if low_threshold > high_threshold:
            raise InputError(
                f"low_threshold: expected at most high_threshold, {high_threshold}, found "
                f"{low_threshold}; lower it"
            )
        if min(image.shape[1:3]) < 3:
            size = f"{image.shape[2]}x{image.shape[1]}"
            raise InputError(f"image: expected at least 3x3 pixels, found {size}")
        magnitude = _thinned(*_gradient(_blurred(_grey(image))))
        weak, strong = magnitude > low_threshold, magnitude > high_threshold
        edges = _connected(weak, strong).float()  # [F,1,H,W]
        return io.NodeOutput(edges.movedim(1, -1).repeat(1, 1, 1, 3))


def _grey(image: Tensor) -> Tensor:
    """[F,H,W,C] -> [F,1,H,W]."""
    import torch

    if image.shape[-1] < 3:
        return image[..., :1].movedim(-1, 1)
    weights = torch.tensor(_GREY).to(image)
    return (image[..., :3] * weights).sum(-1)[:, None]


def _blurred(grey: Tensor) -> Tensor:
    import torch
    import torch.nn.functional as F

    taps = torch.exp(-(torch.arange(-2, 3) ** 2) / 2).to(grey)
    taps = taps / taps.sum()
    padded = F.pad(grey, (2, 2, 2, 2), mode="reflect")
    return F.conv2d(F.conv2d(padded, taps.view(1, 1, 1, 5)), taps.view(1, 1, 5, 1))


def _gradient(grey: Tensor) -> tuple[Tensor, Tensor]:
    """Return the magnitude [F,1,H,W], and the direction as an index of `_NEIGHBOURS`."""
    import torch
    import torch.nn.functional as F

    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).to(grey)
    kernels = torch.stack([sobel, sobel.T])[:, None]
    slopes = F.conv2d(F.pad(grey, (1, 1, 1, 1), mode="replicate"), kernels)
    x, y = slopes[:, :1], slopes[:, 1:]
    direction = (torch.rad2deg(torch.atan2(y, x)) / 45).round().long() % 8
    return (x * x + y * y + 1e-6).sqrt(), direction


def _thinned(magnitude: Tensor, direction: Tensor) -> Tensor:
    """Keep what exceeds both neighbours along the gradient; of two alike, the left or upper one."""
    import torch
    import torch.nn.functional as F

    height, width = magnitude.shape[-2:]
    padded = F.pad(magnitude, (1, 1, 1, 1))
    beats = [magnitude.ge if (y, x) in ((0, 1), (1, 0)) else magnitude.gt for y, x in _NEIGHBOURS]
    exceeds = torch.stack(
        [
            beat(padded[..., 1 + y : 1 + y + height, 1 + x : 1 + x + width])
            for beat, (y, x) in zip(beats, _NEIGHBOURS, strict=True)
        ]
    )
    ahead = exceeds.gather(0, direction[None])[0]
    behind = exceeds.gather(0, ((direction + 4) % 8)[None])[0]
    return magnitude * (ahead & behind)


def _connected(weak: Tensor, strong: Tensor) -> Tensor:
    """Keep what is weak where it is connected, over any of 8 neighbours, to what is strong."""
    import torch
    import torch.nn.functional as F

    while True:
        grown = weak & (F.max_pool2d(strong.float(), 3, 1, 1) > 0)
        grown |= strong
        if torch.equal(grown, strong):
            return strong
        strong = grown
