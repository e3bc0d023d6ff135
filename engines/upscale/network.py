"""What upscaling networks have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from ..runtime.network import Network
from ..runtime.tensor_spec import BATCH, FLOAT, HEIGHT, WIDTH, TensorSpec, image_input

OUTPUT = "image"
LEAST = 16  # px, shortest side; smaller frames are extended
LARGEST = 4096


def upscale_network(
    name: str,
    load: Callable[[Path], nn.Module] | None,
    scale: int,
    *,
    width: int,
    stride: int = 1,
    least: int = LEAST,
    size: tuple[int, int] | None = None,
    output: str = FLOAT,
    **more: Any,
) -> Network:
    """Return a network that takes images [B,3,H,W] and returns "image" [B,3,H*scale,W*scale].

    width:  numbers per pixel of the input that its widest layers hold at once
    stride: height and width are multiples of it
    least:  shortest side that it takes, px
    size:   height and width if it takes one size only
    output: type of its output, see `TensorSpec`
    more:   further fields of `Network`
    """
    high, wide = size or (HEIGHT, WIDTH)
    return Network(
        name=name,
        load=load,
        inputs=(image_input(*(size or ())),),
        outputs=(TensorSpec(OUTPUT, output, (BATCH, 3, high * scale, wide * scale)),),
        stride=stride,
        sizes=(max(size), max(size)) if size else (least, LARGEST),
        pixel_bytes=4 * width,
        gpu_bytes=lambda height, width_, number: number * width * height * width_,
        min_side=min(size) if size else least,
        size_name="tile",
        **more,
    )
