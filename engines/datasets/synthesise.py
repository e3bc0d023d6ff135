"""Write made pictures as a data set."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from ..errors import MediaError
from ..geometry.placement import Size
from .backgrounds import Backgrounds
from .coco_yolo.kinds import FILE
from .coco_yolo.write import write_images, write_kinds
from .made import MadePictures
from .made_cuboids import kinds, make_cuboids
from .made_people import make_people, people_kinds
from .object_truth import ObjectKinds

_AT_ONCE = 64  # pictures in memory


def write_cuboids(
    root: Path,
    splits: Mapping[str, int],
    *,
    size: Size,
    most: int = 2,
    classes: int = 1,
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write splits with so many pictures of cuboids each; see `make_cuboids` and `_write`."""

    def make(indices: Sequence[int]) -> MadePictures:
        return make_cuboids(
            indices, size=size, most=most, classes=classes, seed=seed, device=device
        )

    _write(root, splits, make, kinds(classes), progress)


def write_people(
    root: Path,
    splits: Mapping[str, int],
    *,
    size: Size,
    most: int = 3,
    backgrounds: Backgrounds | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write splits with so many pictures of people each; see `make_people` and `_write`."""

    def make(indices: Sequence[int]) -> MadePictures:
        return make_people(
            indices, size=size, most=most, backgrounds=backgrounds, seed=seed, device=device
        )

    _write(root, splits, make, people_kinds(), progress)


def _write(
    root: Path,
    splits: Mapping[str, int],
    make: Callable[[Sequence[int]], MadePictures],
    kinds: ObjectKinds,
    progress: Callable[[int], None] | None,
) -> None:
    """Write splits with so many pictures each; no picture is in two of them.

    progress: called with the number of pictures done since the last call

    The description of the data set comes last: a folder that was not finished is none. Raises
    `MediaError` for a folder that holds a data set already, and if it cannot be written.
    """
    if (root / FILE).exists() or (root / "images").exists():
        raise MediaError(f"{root}: there is a data set in it already; choose a new folder")
    first = 0
    for split, count in splits.items():
        for start in range(first, first + count, _AT_ONCE):
            indices = range(start, min(first + count, start + _AT_ONCE))
            made = make(indices)
            write_images(made.truths, made.images, made.masks, root, split)
            if progress is not None:
                progress(len(indices))
        first += count
    write_kinds(kinds, root)
