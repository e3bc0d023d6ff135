"""Evaluate motion tracks: how far they are off, and how many last, on footage with known motion."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..datasets.made_flow import make, true_tracks
from ..errors import InputError
from ..flow.estimate import estimate_flow
from ..flow.flow import Flow
from ..motion_tracks.follow import Followed, follow
from ..motion_tracks.points import spread_points
from .report import report

SCHEMA = 1
LENGTHS = (16, 48, 81)  # frames
SCENES_OF_TRACKS = ("still", "shift_subpixel", "turn", "affine", "layers")
NAMES = ("flow", "lucas_kanade")
_WINDOW, _LEVELS = 21, 3  # of Lucas-Kanade, OpenCV's defaults
_AGREES = 1.0  # px: its own forward-backward check, as OpenCV's sample lk_track has it


@dataclass(frozen=True)
class Traced:
    """places: [T,N,2] px; alive: [T,N] bool."""

    places: Tensor
    alive: Tensor


def evaluate_tracks(
    *,
    scenes: Sequence[str] = SCENES_OF_TRACKS,
    lengths: Sequence[int] = LENGTHS,
    size: tuple[int, int] = (240, 320),
    points: int = 256,
    about: Mapping[str, Any] | None = None,
    progress: Callable[[str, int], Callable[[int], None]] | None = None,
) -> dict[str, Any]:
    """Follow points through made footage with DIS's flow and with OpenCV's pyramidal Lucas-Kanade,
    and judge both by the known motion.

    scenes:   of made footage
    lengths:  frames of the clips
    size:     height and width in px
    points:   about how many begin in each clip
    about:    further entries of `meta`
    progress: called with a title and the number of clips; returns what is called with 1 after each

    A point counts as long as it truly stays in the picture and nothing covers it. Returns the
    report, which is JSON. `methods`, by name, have for the last frame of each length:

    points:   how many are truly visible there; the other figures are None where there are none
    epe:      px, the mean distance from the truth of those of them whose tracks are alive
    survival: the share of them whose tracks are alive, and not more than 3 px off
    wrong:    the share of the tracks alive whose points are truly hidden or gone

    Raises `InputError` for unknown scenes, none, and lengths below 2.
    """
    if not scenes or min(lengths, default=0) < 2 or points < 1:
        raise InputError("tracks: expected scenes, lengths of at least 2 frames and a point")
    shown = progress("scenes", len(scenes)) if progress else None
    sums = {name: {length: np.zeros(5) for length in lengths} for name in NAMES}
    for scene in scenes:
        clip, _ = make(scene, size=size, frames=max(lengths))
        start = spread_points(size, points)
        flow = estimate_flow(clip, direction="both")
        true = Traced(*true_tracks(scene, size=size, frames=len(clip), points=start))
        for name, found in (("flow", _by_flow(flow, start)), ("lucas_kanade", _by_lk(clip, start))):
            for length in lengths:
                sums[name][length] += _judged(found, true, length - 1)
        if shown:
            shown(1)
    methods = {
        name: {str(length): _figures(values) for length, values in found.items()}
        for name, found in sums.items()
    }
    settings = {"scenes": list(scenes), "size": list(size), "points": points}
    return report(
        "tracks",
        SCHEMA,
        {"methods": methods},
        about={**settings, **(about or {})},
        packages=("numpy",),
    )


def _by_flow(flow: Flow, start: Tensor) -> Traced:
    places, alive, _ = follow(Followed.start(start), flow)
    first = torch.ones(1, len(start), dtype=torch.bool)
    return Traced(torch.cat([start[None], places]), torch.cat([first, alive]))


def _by_lk(clip: Tensor, start: Tensor) -> Traced:
    """Follow points with OpenCV's Lucas-Kanade, with a check back and forth for each pair."""
    import cv2

    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (clip * 255).byte().numpy()]
    settings: dict[str, Any] = {"winSize": (_WINDOW, _WINDOW), "maxLevel": _LEVELS}
    at = (start - 0.5).numpy().astype(np.float32)[:, None]
    alive = np.ones(len(at), bool)
    places, states = [at], [alive]
    for one, two in pairwise(grey):
        to, found, _ = cv2.calcOpticalFlowPyrLK(one, two, at, None, **settings)  # type: ignore[call-overload]
        home, back, _ = cv2.calcOpticalFlowPyrLK(two, one, to, None, **settings)  # type: ignore[call-overload]
        height, width = one.shape
        x, y = to[:, 0, 0], to[:, 0, 1]
        inside = (x >= -0.5) & (y >= -0.5) & (x < width - 0.5) & (y < height - 0.5)
        near = np.linalg.norm(home - at, axis=-1)[:, 0] <= _AGREES
        alive = alive & (found[:, 0] > 0) & (back[:, 0] > 0) & inside & near
        at = np.where(alive[:, None, None], to, at)
        places.append(at)
        states.append(alive)
    return Traced(
        torch.from_numpy(np.stack(places)[:, :, 0]) + 0.5, torch.from_numpy(np.stack(states))
    )


def _judged(found: Traced, true: Traced, frame: int) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return the sum of errors, how many they are of, close ones, truly visible ones, and wrongly
    alive ones, in a frame."""
    alive, there = found.alive[frame], true.alive[frame]
    error = torch.linalg.vector_norm(found.places[frame] - true.places[frame], dim=-1).double()
    both = alive & there
    numbers = [
        error[both].sum(),
        both.sum(),
        (both & (error <= 3)).sum(),
        there.sum(),
        (alive & ~there).sum(),
    ]
    return np.array([float(number) for number in numbers])


def figures_of(found: Traced, true: Traced, frame: int) -> dict[str, float | int | None]:
    """Return the figures of one clip in a frame; see `evaluate_tracks`."""
    return _figures(_judged(found, true, frame))


def _figures(sums: "np.ndarray[Any, np.dtype[np.float64]]") -> dict[str, float | int | None]:
    error, both, close, there, wrong = sums.tolist()
    return {
        "points": round(there),
        "epe": error / both if both else None,
        "survival": close / there if there else None,
        "wrong": wrong / (both + wrong) if both + wrong else None,
    }
