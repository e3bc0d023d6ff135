"""A folder or a pattern of pictures as a clip."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from ..errors import MediaError
from .timing import ReadOptions

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
DEFAULT_RATE = Fraction(16)  # frames per second, that of Wan and VACE

_PATTERN = re.compile(r"%(0?)(\d*)d")


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


def is_stills(path: Path) -> bool:
    """Return whether `path` is a folder, or a pattern with one %d, such as `f_%03d.png`."""
    return path.is_dir() or (_PATTERN.search(path.name) is not None and not path.exists())


def is_clip(path: Path) -> bool:
    """Return whether there is a file, a folder, or a picture of a pattern at `path`."""
    if path.is_file() or path.is_dir():
        return True
    return is_stills(path) and bool(_numbered(path))


def still_paths(path: Path) -> list[Path]:
    """Return the pictures of a folder in natural order (2 before 10), or those of a pattern by
    number. Raises `MediaError` where there are none, and for a gap in the numbers."""
    if path.is_dir():
        found = [p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file()]
        if not found:
            raise MediaError(
                f"{path}: expected pictures ({', '.join(SUFFIXES)}), but there are none in it"
            )
        return sorted(found, key=_natural)
    numbered = _numbered(path)
    if not numbered:
        raise MediaError(f"{path}: there is no picture of this pattern")
    order = sorted(numbered)
    missing = next((n for n in range(order[0], order[-1]) if n not in numbered), None)
    if missing is not None:
        before, digits, after = _parts(path)
        name = f"{before}{missing:0{digits}d}{after}"
        raise MediaError(f"{path}: {name} is missing between {order[0]} and {order[-1]}")
    return [numbered[number] for number in order]


def _parts(path: Path) -> tuple[str, int, str]:
    """What stands before and after the number of a pattern, and its least digits."""
    match = _PATTERN.search(path.name)
    assert match is not None  # `is_stills`
    digits = int(match[2] or 0) if match[1] else 0
    return path.name[: match.start()], digits, path.name[match.end() :]


def _numbered(path: Path) -> dict[int, Path]:
    """The files of a pattern by their numbers."""
    before, digits, after = _parts(path)
    found: dict[int, Path] = {}
    if path.parent.is_dir():
        for file in path.parent.iterdir():
            number = file.name[len(before) : len(file.name) - len(after)]
            whole = file.name == f"{before}{number}{after}"
            is_number = whole and number.isascii() and number.isdigit()
            if is_number and number == f"{int(number):0{digits}d}":
                found[int(number)] = file
    return found


def _natural(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", path.name.lower())
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]


def still_info(path: Path, options: ReadOptions) -> Stills:
    """Return which pictures are the frames, and at which rate.

    `options.fps` is their rate; start and duration are seconds at that rate. Raises `MediaError`
    where there are none or the first is no picture.
    """
    rate = options.fps or DEFAULT_RATE
    first = round(Fraction(options.start) * rate)
    stop = first + max(1, round(Fraction(options.duration) * rate)) if options.duration else None
    there = still_paths(path)
    paths = there[first : stop : options.every]
    if not paths:
        raise MediaError(f"{path}: has no frames after {options.start:g} s; lower start")
    with _open(paths[0]) as picture:
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
    """For every picture from `skip` on, what reads it as [H,W,3 or 4] uint8.

    Raises `MediaError` for one that cannot be read or has another size than the first.
    """
    found = still_info(path, options)
    for file in found.paths[skip:]:
        yield partial(_read, file, found.size, alpha=alpha)


def _read(path: Path, size: tuple[int, int], *, alpha: bool) -> Tensor:
    with _open(path) as picture:
        try:
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
        except (OSError, SyntaxError, ValueError) as error:
            raise MediaError(f"{path}: is damaged ({error}); copy it again") from error


def _open(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise MediaError(f"{path}: is no picture that can be read ({error})") from error


def _has_alpha(picture: Image.Image) -> bool:
    return picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
