"""JSON, one object per line, over TCP: for programs of one's own.

The first line says what follows: format, version, rig, joints, parents, and that lengths are in m,
axes the camera's (x to the right, y up, z towards the camera) and rotations quaternions w, x, y, z,
each joint's relative to its parent. Every other line is a frame: frame, time (s) and bodies, with
track (-1 = none), score, box (px), translation, rotation, shape, confidence and joints, where the
joints lie.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..protocol import Frame, Options, Protocol, Session

if TYPE_CHECKING:
    from torch import Tensor

    from ...rig import Rig

_DECIMALS = 5


class _JsonLines(Session):
    def __init__(self, rig: Rig, options: Options) -> None:
        self._rig = rig
        self._begun = False

    def encode(self, frame: Frame) -> Iterable[bytes]:
        if not self._begun:
            self._begun = True
            yield _line(
                {
                    "format": "kinograph.bodies",
                    "version": 1,
                    "rig": self._rig.name,
                    "joints": self._rig.joints,
                    "parents": self._rig.parents.tolist(),
                    "unit": "m",
                    "axes": "x right, y up, z towards the camera",
                }
            )
        yield _line({"frame": frame.number, "time": frame.time, "bodies": self._bodies(frame)})

    def _bodies(self, frame: Frame) -> list[dict[str, Any]]:
        from ....geometry.rotations import to_quaternions
        from ...kinematics import pose_joints

        count = int(frame.bodies.count[0])
        if not count:
            return []
        bodies = frame.bodies
        rotation, translation, shape = (
            values[0, :count] for values in (bodies.rotation, bodies.translation, bodies.shape)
        )
        columns = {
            "track": bodies.track_ids[0, :count].tolist(),
            "score": _short(bodies.scores[0, :count]),
            "box": _short(bodies.boxes[0, :count]),
            "translation": _short(translation),
            "rotation": _short(to_quaternions(rotation)),
            "shape": _short(shape),
            "confidence": _short(bodies.confidence[0, :count]),
            "joints": _short(pose_joints(self._rig, rotation, translation, shape).position),
        }
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _short(values: Tensor) -> Any:
    return values.double().round(decimals=_DECIMALS).tolist()


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode() + b"\n"


PROTOCOL = Protocol("json", 9998, "tcp", _JsonLines, order=10)
