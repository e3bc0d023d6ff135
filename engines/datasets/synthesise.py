"""Write made pictures as a data set."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
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

_AT_ONCE = 64  # pictures in memory, of each process
_WORTH = 512  # pictures that are worth the start of a process

_Make = Callable[[Sequence[int]], MadePictures]
_Part = tuple[str, range]  # a split and pictures of it


def write_cuboids(
    root: Path,
    splits: Mapping[str, int],
    *,
    size: Size,
    most: int = 2,
    classes: int = 1,
    seed: int = 0,
    device: torch.device | str = "cpu",
    workers: int = 0,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write splits with so many pictures of cuboids each; see `make_cuboids` and `_write`."""
    make = partial(make_cuboids, size=size, most=most, classes=classes, seed=seed, device=device)
    _write(root, splits, make, kinds(classes), _processes(workers, splits, device), progress)


def write_people(
    root: Path,
    splits: Mapping[str, int],
    *,
    size: Size,
    most: int = 3,
    backgrounds: Backgrounds | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    workers: int = 0,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write splits with so many pictures of people each; see `make_people` and `_write`."""
    make = partial(
        make_people, size=size, most=most, backgrounds=backgrounds, seed=seed, device=device
    )
    _write(root, splits, make, people_kinds(), _processes(workers, splits, device), progress)


def _processes(workers: int, splits: Mapping[str, int], device: torch.device | str) -> int:
    """Return how many processes make pictures: `workers`, or for 0 one per core as far as that
    pays; a GPU is used by one."""
    if torch.device(device).type != "cpu":
        return 1
    return workers or max(1, min(os.cpu_count() or 1, sum(splits.values()) // _WORTH))


def _write(
    root: Path,
    splits: Mapping[str, int],
    make: _Make,
    kinds: ObjectKinds,
    processes: int,
    progress: Callable[[int], None] | None,
) -> None:
    """Write splits with so many pictures each; no picture is in two of them.

    processes: that make the pictures, which are the same for any number of them
    progress:  called with the number of pictures done since the last call

    The description of the data set comes last: a folder that was not finished is none. Raises
    `MediaError` for a folder that holds a data set already, and if it cannot be written.
    """
    if (root / FILE).exists() or (root / "images").exists():
        raise MediaError(f"{root}: there is a data set in it already; choose a new folder")
    parts: list[_Part] = []
    first = 0
    for split, count in splits.items():
        last = first + count
        parts += [(split, range(n, min(last, n + _AT_ONCE))) for n in range(first, last, _AT_ONCE)]
        first = last
    write = partial(_write_part, make, root)
    if processes == 1:
        for part in parts:
            done = write(part)
            if progress is not None:
                progress(done)
    else:
        with ProcessPoolExecutor(
            processes, get_context("spawn"), torch.set_num_threads, (1,)
        ) as pool:
            try:
                for written in as_completed([pool.submit(write, part) for part in parts]):
                    done = written.result()
                    if progress is not None:
                        progress(done)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    write_kinds(kinds, root)


def _write_part(make: _Make, root: Path, part: _Part) -> int:
    """Write some of the pictures, and return how many."""
    split, indices = part
    made = make(indices)
    write_images(made.truths, made.images, made.masks, root, split)
    return len(indices)
