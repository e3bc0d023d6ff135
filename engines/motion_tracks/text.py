"""Tracks as the texts that nodes for motion tracks take."""

import json

import torch
from torch import Tensor

from .target import at_times
from .tracks import MotionTracks

_DIGITS = 2  # of a place in px: finer than any model sees
_ATI_POINTS = 121


def as_text(tracks: MotionTracks, target: str) -> str:
    """Return tracks as the text that the nodes of `target` take: ATI's form, or one place for each
    frame."""
    return ati_text(tracks) if target == "ati" else frames_text(tracks)


def frames_text(tracks: MotionTracks) -> str:
    """Return tracks as JSON: a list for each track of a place {"x", "y"} px for each frame.

    All have the same length: a track that is lost stays where it was seen last.
    """
    places = _lines(tracks.held().path)
    return _json([_points(line) for line in places])


def ati_text(tracks: MotionTracks) -> str:
    """Return tracks as ATI reads them: 121 places spread over the clip, however long it is.

    The list of a track that is lost ends there: ATI has no way back.
    """
    held = tracks.held()
    times = torch.linspace(0, tracks.frame_count - 1, _ATI_POINTS, dtype=torch.float64)
    timed = at_times(held, times)
    kept = timed.visible.int().cumprod(0).sum(0).tolist()  # places before the first that is lost
    places = _lines(timed.path)
    return _json([_points(line[:count]) for line, count in zip(places, kept, strict=True)])


def _lines(path: Tensor) -> list[list[list[float]]]:
    """Return places [T,N,2] as lists, a line for each track."""
    rows: list[list[list[float]]] = path.double().transpose(0, 1).tolist()
    return rows


def _points(line: list[list[float]]) -> list[dict[str, float]]:
    return [{"x": round(x, _DIGITS), "y": round(y, _DIGITS)} for x, y in line]


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
