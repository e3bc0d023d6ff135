"""A folder or a pattern of pictures as a clip."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..errors import MediaError
from .picture import opened_picture
from .still_files import still_paths
from .timing import ReadOptions

DEFAULT_RATE = Fraction(16)  # frames per second, that of Wan and VACE


@dataclass(frozen=True)
class Stills:
    """Pictures that are the frames of a clip.

    paths: in order
    size:  height and width of all of them, upright, px
    rate:  frames per second
    """

    paths: tuple[Path, ...]
    size: tuple[int, int]
    rate: Fraction
    remarks: tuple[str, ...]
    has_alpha: bool


def still_info(path: Path, options: ReadOptions) -> Stills:
    """Return which pictures are the frames, and at which rate.

    `options.fps` is their rate; start and duration are seconds at that rate. Raises `MediaError`
    if there are none or the first is not a picture.
    """
    rate = options.fps or DEFAULT_RATE
    first = round(Fraction(options.start) * rate)
    stop = first + max(1, round(Fraction(options.duration) * rate)) if options.duration else None
    there = still_paths(path)
    paths = there[first : stop : options.every]
    if not paths:
        raise MediaError(f"{path}: has no frames after {options.start:g} s; lower start")
    with opened_picture(paths[0]) as picture:
        width, height = ImageOps.exif_transpose(picture).size
        has_alpha = _has_alpha(picture)
    remarks = []
    if not options.fps:
        remarks.append(
            f"pictures have no frame rate; read at {float(rate):g} fps (--fps gives another)"
        )
    return Stills(tuple(paths), (height, width), rate / options.every, tuple(remarks), has_alpha)


def still_pictures(
    path: Path, options: ReadOptions, skip: int, *, alpha: bool
) -> Iterator[Callable[[], Tensor]]:
    """Yield for every picture from `skip` on a function that reads it as [H,W,3 or 4] uint8.

    Raises `MediaError` for one that cannot be read or has another size than the first.
    """
    found = still_info(path, options)
    for file in found.paths[skip:]:
        yield partial(_read, file, found.size, alpha=alpha)


def read_pictures(paths: Sequence[Path], size: tuple[int, int]) -> Tensor:
    """Return pictures of one `size` (height, width) as frames [F,H,W,3] 0..1.

    Raises `MediaError` for one that cannot be read or has another size.
    """
    return torch.stack([_read(path, size, alpha=False) for path in paths]).float() / 255


def _read(path: Path, size: tuple[int, int], *, alpha: bool) -> Tensor:
    with opened_picture(path) as picture:
        upright = ImageOps.exif_transpose(picture)
        here = (upright.height, upright.width)
        if here != size:
            raise MediaError(
                f"{path}: expected {size[1]}x{size[0]} as the first picture, found "
                f"{here[1]}x{here[0]}; frames of one clip have one size"
            )
        if upright.mode.startswith("I;16") or upright.mode == "I":  # 16 bits of grey
            grey = np.asarray(upright).astype(np.int64).clip(0, 65535)
            upright = Image.fromarray((grey / 257).round().astype(np.uint8))
        return torch.from_numpy(np.array(upright.convert("RGBA" if alpha else "RGB")))


def _has_alpha(picture: Image.Image) -> bool:
    return picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
