"""The pixels of labelled images, resized: held, kept in a file between runs, or read each time."""

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from ..datasets.coco_yolo.read import LabelledImages, read_pixels
from ..datasets.object_truth import ObjectTruth
from ..errors import InputError, MediaError
from ..files import atomic_write, check_regular
from ..geometry.placement import Size
from ..memory import shortage

WORKERS = 2


class Pixels(Protocol):
    """Pixels of N images, [3,H,W] uint8 each."""

    def expect(self, examples: Tensor) -> None:
        """Be told what will be asked for next."""

    def at(self, examples: Tensor) -> Tensor:
        """Return the images [n,3,H,W] uint8 at `examples` [n] int64."""


class HeldPixels:
    """All images as one tensor [N,3,H,W] uint8, in memory, on a device or mapped from a file."""

    def __init__(self, pixels: Tensor) -> None:
        self._pixels = pixels

    def expect(self, examples: Tensor) -> None:
        """Nothing has to be fetched."""

    def at(self, examples: Tensor) -> Tensor:
        return self._pixels[examples.to(self._pixels.device)]


class ReadPixels:
    """Images that are read from their files when they are asked for, or as soon as expected.

    Which images a step sees does not depend on how many workers read them.
    """

    def __init__(self, truths: Sequence[ObjectTruth], size: Size, workers: int = WORKERS) -> None:
        """Read images of `size` (height, width) in so many threads, at least 1."""
        self._truths, self._size = truths, size
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="pixels")
        self._started: dict[int, Future[Tensor]] = {}

    def expect(self, examples: Tensor) -> None:
        """Start to read."""
        for number in examples.tolist():
            if number not in self._started:
                truth = self._truths[number]
                self._started[number] = self._pool.submit(read_pixels, truth, self._size)

    def at(self, examples: Tensor) -> Tensor:
        """Return the images. Raises `MediaError` for a damaged one."""
        self.expect(examples)
        images = torch.stack([self._started[number].result() for number in examples.tolist()])
        for number in set(examples.tolist()):
            del self._started[number]
        return images


def held_pixels(
    data: LabelledImages,
    size: Size,
    *,
    workers: int = WORKERS,
    progress: Callable[[int], None] | None = None,
) -> Tensor:
    """Return all images [N,3,H,W] uint8, resized to `size` (height, width).

    workers:  threads that decode
    progress: called with the number of images read since the last call

    Raises `InputError` for more than memory holds, and `MediaError` for a damaged image.
    """
    if lacking := shortage(len(data.images) * 3 * size[0] * size[1]):
        raise InputError(
            f"{data.root}: {len(data.images)} images of {size[1]}x{size[0]} px need {lacking}; "
            "train with a smaller size, or with a folder as the cache"
        )
    pixels = torch.empty(len(data.images), 3, *size, dtype=torch.uint8)
    _fill(pixels, data, size, workers, progress)
    return pixels


def kept_pixels(
    data: LabelledImages,
    size: Size,
    folder: Path,
    *,
    workers: int = WORKERS,
    progress: Callable[[int], None] | None = None,
) -> Tensor:
    """Return all images [N,3,H,W] uint8 mapped from a file in `folder`, which is made first.

    The file's name follows from the images' names, sizes and times of change: another data set or
    a changed image has another file. Arguments are those of `held_pixels`.

    Raises `MediaError` for a damaged image, and if the file cannot be written or read.
    """
    shape = (len(data.images), 3, *size)
    count = len(data.images) * 3 * size[0] * size[1]
    path = folder / f"pixels-{_key(data, size)}.u8"
    if not path.exists():
        with atomic_write(path) as aside:
            with aside.open("wb") as file:
                file.truncate(count)
            mapped = torch.from_file(str(aside), shared=True, size=count, dtype=torch.uint8)
            _fill(mapped.view(shape), data, size, workers, progress)
    elif progress is not None:
        progress(len(data.images))
    try:
        check_regular(path, count)
        if path.stat().st_size != count:
            raise MediaError(f"{path}: expected {count} bytes; delete it")
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror or error})") from error
    return torch.from_file(str(path), shared=False, size=count, dtype=torch.uint8).view(shape)


def _fill(
    pixels: Tensor,
    data: LabelledImages,
    size: Size,
    workers: int,
    progress: Callable[[int], None] | None,
) -> None:
    with ThreadPoolExecutor(workers) as pool:
        read = pool.map(lambda truth: read_pixels(truth, size), data.images)
        try:
            for number, image in enumerate(read):
                pixels[number] = image
                if progress is not None:
                    progress(1)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _key(data: LabelledImages, size: Size) -> str:
    files = [truth.image for truth in data.images if truth.image is not None]
    found = [(str(path.absolute()), *_state(path)) for path in files]
    text = json.dumps({"size": list(size), "files": found})
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _state(path: Path) -> tuple[int, int]:
    """Return the size of a file and when it was changed; zeros for one that is gone, whose reading
    will say so."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns
