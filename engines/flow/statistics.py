"""Statistics of flow: speeds, directions, moving pixels, camera motion."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from ..sequence import state_type
from .camera import CameraMotion, camera_motion
from .flow import Flow
from .speeds import blocks, fastest

_TABLE = 60  # lines at most
_HEAD = "frame    mean  median    95 %     max direction  moving      dx      dy    zoom  rotation"


@state_type()
@dataclass(frozen=True)
class FlowStatistics:
    """Numbers of a flow's N pairs of frames, [N] on its device.

    mean, median, p95, most: speeds, px per frame; p95 is what 95 % of the pixels do not exceed
    direction:               degrees -180..180 of the mean motion: 0 right, 90 down
    moving:                  share of the pixels that are at least as fast as the threshold
    camera:                  the affine motion of most of the picture
    numbers:                 the frame that each pair ends in, counted from 0 in clip or chunk
    """

    mean: Tensor
    median: Tensor
    p95: Tensor
    most: Tensor
    direction: Tensor
    moving: Tensor
    camera: CameraMotion
    numbers: range

    def rows(self) -> list[dict[str, float]]:
        """Return one row per pair."""
        columns = {
            "mean": self.mean,
            "median": self.median,
            "p95": self.p95,
            "max": self.most,
            "direction": self.direction,
            "moving": self.moving,
            "dx": self.camera.shift[:, 0],
            "dy": self.camera.shift[:, 1],
            "zoom": self.camera.zoom,
            "rotation": self.camera.rotation,
        }
        values = torch.stack(list(columns.values()), 1).tolist()
        return [
            {"frame": number, **dict(zip(columns, row, strict=True))}
            for number, row in zip(self.numbers, values, strict=True)
        ]

    @classmethod
    def cat(cls, chunks: "Sequence[FlowStatistics]") -> "FlowStatistics":
        """Return the numbers of successive chunks as those of the whole."""
        columns = {
            name: torch.cat([getattr(chunk, name) for chunk in chunks])
            for name in ("mean", "median", "p95", "most", "direction", "moving")
        }
        start = chunks[0].numbers.start
        count = sum(len(chunk.numbers) for chunk in chunks)
        return cls(
            **columns,
            camera=CameraMotion(torch.cat([chunk.camera.matrix for chunk in chunks])),
            numbers=range(start, start + count),
        )

    @property
    def clip_mean(self) -> float:
        """px per frame, 0 without pairs"""
        return float(self.mean.mean()) if len(self.mean) else 0.0

    @property
    def clip_max(self) -> float:
        """px per frame, 0 without pairs"""
        return float(self.most.max()) if len(self.most) else 0.0


def flow_statistics(flow: Flow, *, threshold: float = 1.0) -> FlowStatistics:
    """Measure a flow. Backward flow alone is reversed, so that figures always describe motion
    forward in time.

    threshold: px per frame from which a pixel counts as moving

    Raises `InputError` for a negative threshold and for flow that is not finite.
    """
    if threshold < 0:
        raise InputError(f"threshold: expected at least 0 px, found {threshold:g}")
    rows = flow.main
    most = fastest(rows)
    mean, median, p95, moving = (torch.zeros_like(most) for _ in range(4))
    motion = rows.new_zeros(len(rows), 2)
    pixels = flow.size[0] * flow.size[1]
    for at, _ in blocks(rows, whole=True):
        part = rows[at]
        speed = torch.hypot(part[:, 0], part[:, 1]).flatten(1)
        mean[at] = speed.mean(1)
        # torch.quantile takes no more than 16 M values, and sorts.
        median[at] = speed.kthvalue(math.ceil(0.5 * pixels), 1).values
        p95[at] = speed.kthvalue(math.ceil(0.95 * pixels), 1).values
        moving[at] = (speed >= threshold).float().mean(1)
        motion[at] = part.mean((2, 3))
    camera = camera_motion(rows)
    if flow.forward is None:
        motion, camera = 0 - motion, camera.reversed()  # no -0, whose angle is -180°
    direction = torch.atan2(motion[:, 1], motion[:, 0]) * (180 / math.pi)
    numbers = range(flow.frame_count - len(flow), flow.frame_count)
    return FlowStatistics(mean, median, p95, most, direction, moving, camera, numbers)


def as_table(found: FlowStatistics) -> str:
    """Return lines of text: one per frame, at most 60, and the clip's mean and maximum."""
    rows = found.rows()
    lines = [_line(row) for row in rows[:_TABLE]]
    if len(rows) > _TABLE:
        lines.append(f"... and {len(rows) - _TABLE} frames more")
    total = f"clip: mean {found.clip_mean:.2f}, max {found.clip_max:.2f} px per frame"
    return "\n".join([_HEAD, *lines, total] if rows else ["one frame: nothing to compare", total])


def as_json(found: FlowStatistics, *, fps: float, threshold: float) -> str:
    """Return the same as JSON: fps, threshold, clip {mean, max} and frames, one object per pair."""
    return json.dumps(
        {
            "fps": fps,
            "threshold": threshold,
            "clip": {"mean": found.clip_mean, "max": found.clip_max},
            "frames": found.rows(),
        }
    )


def _line(row: dict[str, float]) -> str:
    speeds: Sequence[float] = [row[name] for name in ("mean", "median", "p95", "max")]
    return (
        f"{row['frame']:5.0f}"
        + "".join(f"{speed:8.2f}" for speed in speeds)
        + f"{row['direction']:9.0f}°{row['moving']:8.1%}{row['dx']:8.2f}{row['dy']:8.2f}"
        + f"{row['zoom']:8.4f}{round(row['rotation'], 2) + 0.0:9.2f}°"
    )
