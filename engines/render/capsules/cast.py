"""What rays through the pixels hit first among capsules, for a whole batch of frames.

Cost follows the boxes that capsules cover in the picture, in ragged tensors, without a loop over
frames, people or limbs. The intersections are exact, so that nothing depends on a step size.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry.camera import Camera
from ...geometry.placement import Size
from ..raster import ramp

_SHORTEST = 1e-9  # m², of a capsule that is not a sphere


@dataclass(frozen=True)
class Capsules:
    """N capsules: a radius round the line from start to end.

    frame: [N] int64, in which it is seen
    start, end: [N,3] m, x to the right, y down, z away from the camera
    radius: m
    """

    frame: Tensor
    start: Tensor
    end: Tensor
    radius: float


@dataclass(frozen=True)
class Hits:
    """What is seen at U pixels.

    place:   [U] int64, the pixel in the flattened pictures [F,H,W]
    capsule: [U] int64
    depth:   [U] m, the distance from the camera's plane
    normal:  [U,3] of the surface, a unit vector
    ray:     [U,3] from the camera to the pixel, a unit vector
    """

    place: Tensor
    capsule: Tensor
    depth: Tensor
    normal: Tensor
    ray: Tensor


def cast(capsules: Capsules, camera: Camera, frames: int, size: Size) -> Hits:
    """Return what the rays through the middles of the pixels hit first, with `camera` fitted to
    `size`. Of surfaces at one depth the capsule that comes first is seen; those that reach behind
    the camera's near plane are left out."""
    height, width = size
    start, end, radius = capsules.start, capsules.end, capsules.radius
    table = camera.table(start.dtype).to(start.device).expand(4, frames)
    fx, fy, cx, cy = table[:, capsules.frame]
    z = torch.stack([start[:, 2], end[:, 2]])
    ahead = (z > radius + camera.near).all(0)
    reach = [
        _reach(torch.stack([start[:, axis], end[:, axis]]), z, radius, focal, middle, side)
        for axis, focal, middle, side in ((0, fx, cx, width), (1, fy, cy, height))
    ]
    (left, across), (top, down) = reach
    count = torch.where(ahead, across * down, 0)
    which = torch.repeat_interleave(count)  # [M]
    step = ramp(count)
    column = left[which] + step % across[which].clamp(min=1)
    row = top[which] + step // across[which].clamp(min=1)
    ray = torch.stack(
        [
            (column + 0.5 - cx[which]) / fx[which],
            (row + 0.5 - cy[which]) / fy[which],
            torch.ones_like(column, dtype=start.dtype),
        ],
        -1,
    )
    ray = ray / ray.square().sum(-1, keepdim=True).sqrt()
    far, normal = _meet(ray, start[which], end[which], radius)
    hit = far.isfinite()
    place = ((capsules.frame[which] * height + row) * width + column)[hit]
    which, ray, normal = which[hit], ray[hit], normal[hit]
    depth = far[hit] * ray[:, 2]
    # The nearest of each pixel, and of those the first.
    nearest = depth.new_full((frames * height * width,), torch.inf)
    nearest.scatter_reduce_(0, place, depth, "amin")
    top_most = (depth == nearest[place]).nonzero().squeeze(1)
    order = torch.full_like(nearest, len(start), dtype=torch.int64)
    order.scatter_reduce_(0, place[top_most], which[top_most], "amin")
    seen = top_most[which[top_most] == order[place[top_most]]]
    return Hits(place[seen], which[seen], depth[seen], normal[seen], ray[seen])


def _reach(
    places: Tensor, z: Tensor, radius: float, focal: Tensor, middle: Tensor, side: int
) -> tuple[Tensor, Tensor]:
    """Return the first pixel and the number of pixels [N] that capsules reach along one axis.

    places: [2,N] of both ends along that axis. The lines x = u z through the camera that touch a
    circle round (x, z) have (x - u z)^2 = r^2 (1 + u^2).
    """
    rest = (z * z - radius * radius).clamp(min=1e-12)
    root = radius * (places * places + rest).clamp(min=0).sqrt()
    low = ((places * z - root) / rest).amin(0) * focal + middle - 0.5
    high = ((places * z + root) / rest).amax(0) * focal + middle - 0.5
    first = low.nan_to_num(0.0).ceil().clamp(0, side).long()
    last = high.nan_to_num(-1.0).floor().clamp(-1, side - 1).long()
    return first, (last - first + 1).clamp(min=0)


def _meet(ray: Tensor, start: Tensor, end: Tensor, radius: float) -> tuple[Tensor, Tensor]:
    """Return how far along each ray [M,3] from the camera its capsule begins [M] m, infinite where
    it is missed, and the normal there [M,3]."""
    along = end - start
    length = along.square().sum(-1)
    long = length > _SHORTEST
    axis = along / length.clamp(min=_SHORTEST).sqrt()[:, None]
    extent = length.sqrt()
    # The sides: the ray's part across the axis meets a circle. From the ray's place nearest to
    # `start`, as squares of whole distances would swallow those of the radius.
    begin = (start * ray).sum(-1)
    from_start = begin[:, None] * ray - start
    slope = (ray * axis).sum(-1)
    across_ray = ray - slope[:, None] * axis
    across = from_start - (from_start * axis).sum(-1, keepdim=True) * axis
    a = across_ray.square().sum(-1)
    b = (across * across_ray).sum(-1)
    c = across.square().sum(-1) - radius * radius
    square = b * b - a * c
    side = (-b - square.clamp(min=0).sqrt()) / a.clamp(min=1e-12)
    height = (from_start * axis).sum(-1) + side * slope
    on_side = long & (square >= 0) & (a > 1e-12) & (height > 0) & (height < extent)
    found = torch.where(on_side, begin + side, torch.inf)
    # The ends: the nearer one of two balls, where it is not inside the capsule.
    for centre in (start, end):
        at = (centre * ray).sum(-1)
        away = (at[:, None] * ray - centre).square().sum(-1)
        inner = radius * radius - away
        ball = torch.where(inner >= 0, at - inner.clamp(min=0).sqrt(), torch.inf)
        found = torch.minimum(found, ball)
    point = found[:, None] * ray
    place = ((point - start) * axis).sum(-1, keepdim=True).clamp(min=0)
    place = torch.minimum(place, extent[:, None])
    normal = (point - start - place * axis) / radius
    return found, normal
