"""Points of heads as the camera sees them."""

from functools import cache

import torch
from torch import Tensor

from ...head.canonical import canonical_face
from ...head.heads import Heads
from ..mesh.soup import project
from .styles.style import HeadPoints


def _placed(heads: Heads, points: Tensor) -> tuple[Tensor, Tensor]:
    """Return points [K,3] cm of the canonical face, as x to the right, y down and z away from the
    camera [F,P,K,3] cm, and which heads [F,P] are there and lie beyond the near plane."""
    there = points.to(heads.rotation) @ heads.rotation.mT + heads.translation[..., None, :]
    view = heads.camera.view(there)
    front = heads.camera.view(heads.translation)[..., 2] > heads.camera.near
    return view, front & heads.present


def _lens(heads: Heads) -> Tensor:
    """Return fx, fy, cx, cy of every frame, to be used with points [F,P,K,2]: [F or 1,1,1,4]. They
    are in px of the canvas, whatever picture the camera's are of."""
    table = heads.camera.fitted(heads.canvas).table(heads.rotation.dtype)
    return table.to(heads.device).T[:, None, None]


def axes_of(heads: Heads, length: float) -> HeadPoints:
    """Return the origins of heads and the ends of their axes [F,P,4,2] px.

    length: cm; an axis that would reach behind the near plane ends there
    """
    ends = torch.cat([torch.zeros(1, 3), length * torch.eye(3)])
    view, front = _placed(heads, ends)
    origin = view[:, :, :1]
    near = heads.camera.near
    # The part of each axis that lies beyond the near plane.
    towards = origin[..., 2] - view[..., 2]
    part = ((origin[..., 2] - 1.01 * near) / towards.clamp(min=1e-6)).clamp(max=1.0)
    part = torch.where(towards > 0, part, 1.0)
    view = torch.where(front[..., None, None], origin + (view - origin) * part[..., None], 1.0)
    points = project(view, _lens(heads))
    return HeadPoints(points, front[..., None].expand(points.shape[:3]), depth=view[:, :, 1:, 2])


def wireframe_of(heads: Heads) -> HeadPoints:
    """Return the vertices of the canonical face [F,P,468,2] px, and which of its edges belong to a
    triangle that shows its front."""
    points, seen = face_of(heads)
    triangles = canonical_face().triangles.to(points.device)
    a, b, c = points[:, :, triangles].unbind(3)  # [F,P,T,2]
    ab, ac = b - a, c - a
    front = ab[..., 0] * ac[..., 1] - ab[..., 1] * ac[..., 0] < 0  # counter-clockwise, y down
    _, sides = canonical_edges()
    shown = front[:, :, sides.to(points.device)].any(-1)
    return HeadPoints(points, seen, shown=shown)


def landmarks_of(heads: Heads, points: Tensor) -> HeadPoints:
    """Return landmarks [F,P,K,3] px, of heads that are there."""
    flat = points[..., :2]
    return HeadPoints(flat, heads.present[..., None].expand(flat.shape[:3]))


def face_of(heads: Heads) -> tuple[Tensor, Tensor]:
    """Return the vertices of the canonical face in the heads' poses [F,P,468,2] px, and which are
    seen [F,P,468]."""
    view, front = _placed(heads, canonical_face().vertices)
    seen = front[..., None] & (view[..., 2] > heads.camera.near)
    view = torch.where(seen[..., None], view, 1.0)
    return project(view, _lens(heads)), seen


@cache
def canonical_edges() -> tuple[Tensor, Tensor]:
    """Return the edges of the canonical face: the vertices at their ends [E,2], and the triangles
    at their sides [E,2], twice the same at the border."""
    triangles = canonical_face().triangles
    pairs = torch.cat([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    ends, edge = pairs.sort(1).values.unique(dim=0, return_inverse=True)
    owner = torch.arange(len(triangles)).repeat(3)
    sides = torch.stack(
        [
            torch.zeros(len(ends), dtype=torch.int64).scatter_reduce(
                0, edge, owner, how, include_self=False
            )
            for how in ("amin", "amax")
        ],
        1,
    )
    return ends, sides
