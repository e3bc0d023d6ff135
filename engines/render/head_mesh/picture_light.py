"""The light on a head, from how its face is lit in the picture."""

import torch
from torch import Tensor

from ...geometry.camera import Camera
from ..mesh.instances import turned
from .heads_found import HeadsFound, projected
from .skull import face_mesh

_LUMA = (0.2126, 0.7152, 0.0722)
_ROUNDS = 4  # of the fit; each trusts points less that lie far from the fit before
_FACING = 0.25  # least cosine between the surface and the ray for a point to be seen
_STIFFNESS = 0.01  # of the slopes: few points of a turned face say nothing about its far side
_STRONGEST = 0.5  # how much brighter or darker than their mean surfaces may become
# What of a face is not skin: eyes with brows, nostrils, and the mouth; cm, of the canonical face.
_EYES = ((1.2, 1.7, 5.6), (5.4, 5.2, 9.0))
_MOUTH = ((-3.0, -6.0, 3.0), (3.0, -2.9, 9.0))
_NOSTRILS = ((-1.6, -2.6, 4.0), (1.6, -1.4, 9.0))


def picture_shade(heads: HeadsFound, frames: Tensor, camera: Camera) -> Tensor:
    """Return how light depends on direction [N,4] on each head, for `Instances.shade`.

    frames: [F,H,W,3] 0..1
    camera: of the frames

    The luma of the face's skin is fitted as a + b n, n being the unit normal of the canonical face
    in the axes of the camera, and divided by its mean over what is seen, so that a surface that
    faces as the face does keeps its colour. Where nothing is seen light comes from all sides.
    """
    face = face_mesh(frames.device)
    place = turned(face.vertices, heads.rotation) + heads.translation[:, None]
    normals = turned(face.normals, heads.rotation)
    points = projected(place, heads.frame, camera)
    size = points.new_tensor([frames.shape[2], frames.shape[1]])
    inside = ((points >= 0) & (points < size)).all(-1)
    ray = torch.nn.functional.normalize(place, dim=-1)
    facing = -(ray * normals).sum(-1)
    weight = (inside & (facing > _FACING)).float() * facing * _skin(face.vertices)
    at = torch.minimum(points.clamp(min=0).long(), size.long() - 1)
    colours = frames[heads.frame[:, None], at[..., 1], at[..., 0]].float()
    luma = (colours * points.new_tensor(_LUMA)).sum(-1)
    return _fitted(normals.double(), luma.double(), weight.double()).float()


def _skin(points: Tensor) -> Tensor:
    """Return 1 for points [K,3] of the canonical face that show skin, otherwise 0."""
    mirrored = points * points.new_tensor([-1.0, 1.0, 1.0])
    bare = torch.ones(len(points), dtype=torch.bool, device=points.device)
    for low, high in (_EYES, _MOUTH, _NOSTRILS):
        for side in (points, mirrored):
            bare &= ~((side > side.new_tensor(low)) & (side < side.new_tensor(high))).all(-1)
    return bare.float()


def _fitted(normals: Tensor, luma: Tensor, weight: Tensor) -> Tensor:
    """Return [N,4]: the luma [N,K] at normals [N,K,3], as a line fitted to points of `weight`."""
    terms = torch.cat([torch.ones_like(luma)[..., None], normals], -1)  # [N,K,4]
    total = weight.sum(1, keepdim=True)
    mean = (weight * luma).sum(1, keepdim=True) / total.clamp(min=1e-9)
    stiff = torch.diag(terms.new_tensor([1e-9, _STIFFNESS, _STIFFNESS, _STIFFNESS]))
    trust = weight
    line = torch.zeros_like(terms[:, 0])
    for _ in range(_ROUNDS):
        share = (trust / trust.sum(1, keepdim=True).clamp(min=1e-9))[..., None]
        left = terms.mT @ (terms * share) + stiff
        right = (terms * share * luma[..., None]).sum(1)
        line = torch.linalg.solve(left, right)
        apart = luma - (terms * line[:, None]).sum(-1)
        spread = (apart.abs() * share[..., 0]).sum(1, keepdim=True).clamp(min=1e-3)
        trust = weight / (1 + (apart / (2 * spread)).square())
    facing = (terms * weight[..., None]).sum(1) / total.clamp(min=1e-9)  # [N,4], of what is seen
    slopes = line[:, 1:] / mean.clamp(min=0.02)
    slopes = slopes * (_STRONGEST / slopes.norm(dim=1, keepdim=True).clamp(min=_STRONGEST))
    ambient = 1 - (slopes * facing[:, 1:]).sum(1, keepdim=True)
    nothing = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=line.dtype, device=line.device)
    return torch.where(total > 1.0, torch.cat([ambient, slopes], 1), nothing)
