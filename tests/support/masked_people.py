"""People with tracks who walk, for masks."""

from dataclasses import replace

import torch
from torch import Tensor

from kinograph.engines.pose.poses import Poses
from walkers import poses_of

CANVAS = (240, 320)


def walking(
    *paths: tuple[float, float],
    frames: int = 6,
    ids: tuple[int, ...] = (7, 3, 5),
    scale: float = 1.0,
    present: Tensor | None = None,
) -> Poses:
    """Return people who start at x px and move by dx px per frame, of tracks `ids`."""
    begin = torch.tensor([[x, 120.0] for x, _ in paths])
    step = torch.tensor([[dx, 0.0] for _, dx in paths])
    way = begin + torch.arange(frames)[:, None, None] * step
    sizes = torch.full((len(paths),), scale)
    poses = poses_of(way, scale=sizes, shuffle=None, canvas=CANVAS, present=present)
    tracks = torch.full_like(poses.track_ids, -1)
    shown = torch.ones(frames, len(paths), dtype=torch.bool) if present is None else present
    for frame, here in enumerate(shown):
        who = here.nonzero()[:, 0].tolist()
        tracks[frame, : len(who)] = torch.tensor([ids[person] for person in who])
    return replace(poses, track_ids=tracks)
