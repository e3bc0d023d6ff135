"""Synthetic clips of people who walk."""

import torch
from torch import Tensor

from kinograph.engines.pose.poses import Poses

# A person with every COCO joint, standing, 200 px tall, centred at (0, 0).
STANDING = torch.tensor(
    [
        *([0.0, -80], [5, -85], [-5, -85], [12, -82], [-12, -82], [20, -60], [-20, -60]),
        *([30, -25], [-30, -25], [35, 5], [-35, 5], [12, 0], [-12, 0], [14, 45], [-14, 45]),
        *([15, 90], [-15, 90]),
    ]
)


def poses_of(
    paths: Tensor,
    *,
    present: Tensor | None = None,
    scale: Tensor | None = None,
    noise: float = 0.0,
    shuffle: int | None = 0,
    canvas: tuple[int, int] = (480, 832),
) -> Poses:
    """Return poses of people who stand at paths [F,T,2] px, in a new order in every frame.

    present: [F,T] who is found; scale: [T] of their size; noise: px on every joint
    """
    frames, people = paths.shape[:2]
    random = torch.Generator().manual_seed(1)
    sizes = torch.ones(people) if scale is None else scale
    points = STANDING * sizes[:, None, None] + paths[:, :, None]
    points = points + torch.randn(points.shape, generator=random) * noise
    low, high = points.amin(2), points.amax(2)
    shown = torch.ones(frames, people, dtype=torch.bool) if present is None else present
    poses = Poses.empty(frames, canvas, people=people)
    if shuffle is not None:
        random.manual_seed(shuffle)
    for f in range(frames):
        order = torch.randperm(people, generator=random) if shuffle is not None else range(people)
        here = [int(t) for t in order if shown[f, int(t)]]
        n = len(here)
        poses.keypoints[f, :n] = points[f, here]
        poses.confidence[f, :n] = 0.9
        poses.boxes[f, :n] = torch.cat([low, high], -1)[f, here]
        poses.scores[f, :n] = torch.linspace(0.9, 0.5, people)[:n]
        poses.count[f] = n
    return poses


def owners(poses: Poses, paths: Tensor) -> list[list[int]]:
    """Return for each walker the track ids of the nearest pose, frame by frame."""
    out: list[list[int]] = [[] for _ in range(paths.shape[1])]
    for f in range(len(poses)):
        n = int(poses.count[f])
        middle = poses.keypoints[f, :n, 11:13].mean(1)
        for t in range(paths.shape[1]):
            distance = (middle - paths[f, t]).norm(dim=1)
            if n and float(distance.min()) < 15:
                out[t].append(int(poses.track_ids[f, int(distance.argmin())]))
    return out


def straight(start: tuple[float, float], end: tuple[float, float], frames: int) -> Tensor:
    """Return a straight path [F,2] px."""
    part = torch.linspace(0, 1, frames)[:, None]
    return torch.tensor(start) * (1 - part) + torch.tensor(end) * part


def same(a: Poses, b: Poses) -> bool:
    most = max(a.scores.shape[1], b.scores.shape[1])
    a, b = a.with_places(most), b.with_places(most)
    names = ("keypoints", "confidence", "boxes", "scores", "track_ids", "count")
    return all(torch.allclose(getattr(a, n), getattr(b, n), atol=1e-4) for n in names)


CROSSING = torch.stack(
    [straight((150, 250), (650, 250), 40), straight((650, 260), (150, 260), 40)], 1
)
