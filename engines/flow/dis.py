"""DIS: dense inverse search, OpenCV's fast flow for CPUs. It needs no weights.

Kroeger, Timofte, Dai and Van Gool, ECCV 2016, arXiv:1603.03590.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import EngineError, InputError
from .choices import DIS_PRESETS

STRIDE = 1
LEAST = 16  # px a side: two of its patches

Picture = NDArray[np.uint8]


class Dis:
    """Flow between neighbouring images, on the CPU.

    preset: OpenCV's, from fast to exact

    Pairs are distributed over threads, each with its own estimator. Raises `InputError` for
    an unknown preset, `EngineError` where OpenCV is missing.
    """

    def __init__(self, preset: str = "medium"):
        if preset not in DIS_PRESETS:
            raise InputError(f"preset: expected one of {', '.join(DIS_PRESETS)}, found {preset!r}")
        if find_spec("cv2") is None:
            raise EngineError(
                "DIS is OpenCV's, which is not installed; run: pip install opencv-python-headless"
            )
        self._preset = DIS_PRESETS.index(preset)
        self._own = threading.local()

    def __call__(self, images: Tensor, direction: str) -> dict[str, Tensor]:
        """Return the flow [F-1,2,H,W] px of images [F,3,H,W] RGB 0..1, on their device, by
        "forward", "backward" or both, as `direction` says; sides are at least `LEAST`."""
        grey = _grey(images)
        ways = {"forward": (grey, grey[1:]), "backward": (grey[1:], grey)}
        with _one_thread_each(), ThreadPoolExecutor(max(1, torch.get_num_threads())) as pool:
            found = {
                name: pool.map(self._flow, *pair)
                for name, pair in ways.items()
                if direction in (name, "both")
            }  # start all before waiting for any
            return {name: _stacked(list(rows), images) for name, rows in found.items()}

    def _flow(self, one: Picture, two: Picture) -> NDArray[np.float32]:
        """Return [H,W,2]."""
        estimator = getattr(self._own, "estimator", None)
        if estimator is None:
            import cv2

            library: Any = cv2  # its types do not know DIS
            estimator = self._own.estimator = library.DISOpticalFlow_create(self._preset)
        found: NDArray[np.float32] = estimator.calc(one, two, None)
        return found


def _grey(images: Tensor) -> list[Picture]:
    """Convert RGB [F,3,H,W] 0..1 to F grey pictures [H,W], with the luma of Rec. 601."""
    weights = images.new_tensor([0.299, 0.587, 0.114])[:, None, None]
    luma = (images * weights).sum(1).mul_(255).round_().clamp_(0, 255)
    return list(luma.to(torch.uint8).cpu().numpy())


def _stacked(rows: list[NDArray[np.float32]], images: Tensor) -> Tensor:
    """Stack F-1 flows [H,W,2] into a tensor [F-1,2,H,W] on the images' device."""
    if not rows:
        return images.new_zeros(0, 2, *images.shape[2:], dtype=torch.float32)
    stacked = torch.from_numpy(np.stack(rows)).to(images.device)
    return stacked.movedim(-1, 1).contiguous()


class _one_thread_each:  # noqa: N801
    """OpenCV within one thread while several of ours call it: a third faster on two cores."""

    _lock = threading.Lock()
    _users = 0
    _threads = 0  # as it was before the first user

    def __enter__(self) -> None:
        import cv2

        shared = type(self)
        with self._lock:
            if not shared._users:
                shared._threads = cv2.getNumThreads()
                cv2.setNumThreads(1)
            shared._users += 1

    def __exit__(self, *_: object) -> None:
        import cv2

        shared = type(self)
        with self._lock:
            shared._users -= 1
            if not shared._users:
                cv2.setNumThreads(shared._threads)
