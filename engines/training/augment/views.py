"""Pictures as another camera would have seen them, and their objects before it.

A mirrored scene, a camera that turns about its centre, and one with another focal length or
principal point are exact: each is a homography of the picture. A camera that moves closer is
stood in for by a zoom, which is exact for what is flat: an object keeps its look, its depth is
divided by the factor, and it turns with the ray that it is seen on.
"""

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ...datasets.object_truth import ObjectKinds
from ...detect.projection import lifted
from ...detect.rtdetr_pose.targets import Targets
from ...geometry.placement import Size
from ...geometry.rotations import shortest, to_matrices, turn_by
from .choices import Choices

_ASSUMED = 1.2  # focal length of a camera that is not known, in longer sides of the picture
_KEPT = 0.3  # part of an object's box that has to be left in the picture
_GRAY = 0.5  # of what no camera saw
_LEAST = 1e-4  # of a box's side, as part of the picture


@dataclass(frozen=True)
class _Views:
    """B changes of pictures, in px of the input.

    homography: [B,3,3] from the old picture to the new one
    before:     [B,4] the old camera; after: [B,4] what is told of the new one
    flipped:    [B] bool; turn: [B,3,3] of the camera, after that; zoom: [B], after that
    k_delta:    [B,4] how the new camera differs from what is told of it
    """

    homography: Tensor
    before: Tensor
    after: Tensor
    flipped: Tensor
    turn: Tensor
    zoom: Tensor
    k_delta: Tensor


def seen_anew(
    images: Tensor, targets: Targets, choices: Choices, kinds: ObjectKinds
) -> tuple[Tensor, Targets]:
    """Return images [B,3,H,W] and their objects as seen by other cameras.

    Objects of which less than 0.3 is left in the picture are left out, and keypoints outside of it
    are no longer labelled.
    """
    if not choices.moves:
        return images, targets
    size = images.shape[2], images.shape[3]
    views = _drawn(targets.intrinsics, choices, size)
    return _warped(images, views.homography), _moved(targets, views, kinds, size)


def _drawn(intrinsics: Tensor, choices: Choices, size: Size) -> _Views:
    """Draw changes for cameras [B,4], NaN where they are not known."""
    count, (height, width), device = len(intrinsics), size, intrinsics.device
    random = (2 * torch.rand(count, 7) - 1).to(device)
    part, flips = torch.rand(count, 2).to(device).unbind(1)
    flipped = flips < choices.flip
    low, high = choices.zoom
    zoom = low * (high / low) ** part  # as often larger as smaller
    degrees = random.new_tensor([choices.tilt, choices.pan, choices.roll])
    turn = turn_by(random[:, :3] * degrees * (math.pi / 180))
    k_delta = random[:, 3:] * random.new_tensor([*choices.focal, *choices.principal])
    focal = _ASSUMED * max(size)
    assumed = intrinsics.new_tensor([focal, focal, width / 2, height / 2])
    before = torch.where(intrinsics.isnan(), assumed, intrinsics)
    fx, fy, cx, cy = before.unbind(1)
    after = torch.stack([fx, fy, torch.where(flipped, width - cx, cx), cy], 1)
    true = torch.cat([after[:, :2] * (1 + k_delta[:, :2]), after[:, 2:] + k_delta[:, 2:]], 1)
    mirror = torch.eye(3, device=device).repeat(count, 1, 1)
    mirror[:, 0, 0] = torch.where(flipped, -1.0, 1.0)
    mirror[:, 0, 2] = torch.where(flipped, float(width), 0.0)
    grown = torch.diag_embed(torch.stack([zoom, zoom, torch.ones_like(zoom)], 1))
    homography = _matrix(true) @ grown @ turn @ torch.linalg.inv(_matrix(after)) @ mirror
    return _Views(homography, before, after, flipped, turn, zoom, k_delta)


def _matrix(camera: Tensor) -> Tensor:
    """Return [B,3,3] of fx, fy, cx, cy [B,4]."""
    table = torch.zeros(len(camera), 3, 3, device=camera.device)
    table[:, 0, 0], table[:, 1, 1], table[:, 0, 2], table[:, 1, 2] = camera.unbind(1)
    table[:, 2, 2] = 1
    return table


def _applied(homography: Tensor, points: Tensor) -> Tensor:
    """Return where points [B,...,2] px go."""
    flat = points.flatten(1, -2)
    seen = torch.cat([flat, torch.ones_like(flat[..., :1])], -1) @ homography.mT
    return (seen[..., :2] / seen[..., 2:]).view_as(points)


def _warped(images: Tensor, homography: Tensor) -> Tensor:
    count, _, height, width = images.shape
    y, x = torch.meshgrid(
        torch.arange(height, device=images.device) + 0.5,
        torch.arange(width, device=images.device) + 0.5,
        indexing="ij",
    )
    pixels = torch.stack([x, y], -1).expand(count, -1, -1, -1)
    source = _applied(torch.linalg.inv(homography), pixels)
    grid = source * 2 / source.new_tensor([width, height]) - 1
    return F.grid_sample(images - _GRAY, grid, align_corners=False) + _GRAY


def _moved(targets: Targets, views: _Views, kinds: ObjectKinds, size: Size) -> Targets:
    sides = targets.boxes.new_tensor([size[1], size[0]])
    centre = targets.boxes[..., :2].nan_to_num(0.5) * sides
    boxes, kept = _boxes(centre, targets.boxes[..., 2:].nan_to_num(0.1) * sides, views, sides)
    offsets = targets.offsets
    origin = centre + offsets.nan_to_num(0)  # of an object whose origin is not known: its middle
    moved = _applied(views.homography, origin)
    shift = torch.where(offsets.isnan(), torch.nan, moved - boxes[..., :2] * sides)
    rotation, z = _poses(targets, origin, views, kinds)
    known = ~targets.intrinsics.isnan().any(1, keepdim=True)
    return replace(
        targets,
        present=targets.present & kept,
        boxes=boxes,
        rotation=rotation,
        z=z,
        offsets=shift,
        keypoints=_keypoints(targets.keypoints, views, kinds, sides),
        intrinsics=torch.where(known, views.after, torch.nan),
        k_delta=views.k_delta,
    ).in_front()


def _boxes(centre: Tensor, extent: Tensor, views: _Views, sides: Tensor) -> tuple[Tensor, Tensor]:
    """Return boxes [B,M,4] as parts of the picture, cut off at its edges, and whether enough is
    left of them [B,M].

    A box is taken for the ellipse inside of it, which fills it after a turn, too.
    """
    step = extent.new_tensor([1.0, 0.0]), extent.new_tensor([0.0, 1.0])
    at = _applied(views.homography, centre)
    slopes = [_applied(views.homography, centre + by) - at for by in step]
    half = sum((slope * extent[..., n : n + 1] / 2).square() for n, slope in enumerate(slopes))
    assert isinstance(half, Tensor)
    reach = half.sqrt()
    low, high = ((at + sign * reach) / sides for sign in (-1, 1))
    inside = low.clamp(0, 1), high.clamp(0, 1)
    left = (inside[1] - inside[0]).prod(-1) / (high - low).prod(-1).clamp(min=1e-9)
    length = (inside[1] - inside[0]).clamp(min=_LEAST)
    return torch.cat([(inside[0] + inside[1]) / 2, length], -1), left >= _KEPT


def _poses(
    targets: Targets, origin: Tensor, views: _Views, kinds: ObjectKinds
) -> tuple[Tensor, Tensor]:
    """Return rotations [B,M,3,3] and depths [B,M] m; those not known stay so."""
    depth = targets.z[..., None].nan_to_num(1)
    place = lifted(origin, depth, views.before[:, None])
    back = torch.tensor([-1.0, 1.0, 1.0], device=origin.device)
    flipped = views.flipped[:, None, None]
    place = torch.where(flipped, place * back, place)
    # M R S: the mirrored scene shows the object mirrored in its own plane S.
    normal = _mirrors(kinds).to(origin.device)[targets.classes]  # [B,M,3]
    inner = torch.eye(3, device=origin.device) - 2 * normal[..., :, None] * normal[..., None, :]
    mirrored = back[:, None] * targets.rotation @ inner
    mirrored = torch.where(normal.any(-1)[..., None, None], mirrored, torch.nan)
    rotation = torch.where(flipped[..., None], mirrored, targets.rotation)
    turn = views.turn[:, None]
    place = (turn @ place[..., None])[..., 0]
    closer = torch.cat([place[..., :2], place[..., 2:] / views.zoom[:, None, None]], -1)
    ray = shortest(F.normalize(place, dim=-1), F.normalize(closer, dim=-1))
    rotation = to_matrices(ray) @ (turn @ rotation)
    return rotation, torch.where(targets.z.isnan(), torch.nan, closer[..., 2])


def _mirrors(kinds: ObjectKinds) -> Tensor:
    """Return the normals [C,3] of planes of symmetry; what may be turned about an axis has one
    through it."""
    across = torch.linalg.cross(kinds.axes, torch.eye(3)[kinds.axes.abs().argmin(1)])
    given = kinds.mirrors.any(1, keepdim=True)
    return torch.where(given, kinds.mirrors, F.normalize(across, dim=1))


def _keypoints(points: Tensor, views: _Views, kinds: ObjectKinds, sides: Tensor) -> Tensor:
    if not points.shape[2]:
        return points
    if kinds.flip:
        swapped = points[:, :, list(kinds.flip)]
        points = torch.where(views.flipped[:, None, None, None], swapped, points)
    at = _applied(views.homography, points[..., :2] * sides) / sides
    inside = ((at >= 0) & (at <= 1)).all(-1, keepdim=True)
    return torch.cat([at.clamp(0, 1), torch.where(inside, points[..., 2:], 0.0)], -1)
