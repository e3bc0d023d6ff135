"""How a worn mesh follows the face below it: not at all, its build and jaw, or every movement."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import InputError
from ...head.canonical import canonical_face
from .choices import FOLLOWINGS

NEIGHBOURS = 32  # points of the face that a vertex follows; with 4 the cloth creases
_SIGMA = 1.8  # cm, of the Gaussian by which they count
_STIFFNESS = 1e-3  # keeps the fit of few, smooth movements from following noise
_JAW = (-2.5, -8.0)  # y, cm: above the first nothing moves with the jaw, below the second all does
_EXACT = "donot_use_mm_for_euclid_dist"
_ROWS = 65536  # vertices whose neighbours are looked for together


@dataclass(frozen=True)
class Following:
    """Moves the V vertices of a mesh with the points of the face.

    Each way is linear in the displacements of the face's 468 points.

    basis: [V,B] low frequency: what each smooth movement adds to each vertex
    fit:   [B,468] and the part of each displacement in each smooth movement
    index: [V,K] int64, full: the points of the face that a vertex follows, and
    share: [V,K] how much, 1 together
    """

    basis: Tensor | None = None
    fit: Tensor | None = None
    index: Tensor | None = None
    share: Tensor | None = None

    @classmethod
    def of(cls, vertices: Tensor, kind: str) -> "Following":
        """Prepare to move `vertices` [V,3] cm, in the axes of the canonical face.

        kind: rigid, low_frequency or full

        Raises `InputError` for another.
        """
        if kind not in FOLLOWINGS[1:]:
            raise InputError(
                f"following: expected one of {', '.join(FOLLOWINGS)}, found {kind[:40]!r}"
            )
        if kind == "rigid":
            return cls()
        points = canonical_face().vertices.to(vertices.device)
        if kind == "full":
            index, share = zip(
                *(_nearest(rows, points) for rows in vertices.split(_ROWS)), strict=True
            )
            return cls(index=torch.cat(index), share=torch.cat(share))
        low, high = points.amin(0), points.amax(0)
        own = _smooth(points).double()
        stiff = _STIFFNESS * len(points) * torch.eye(own.shape[1], device=own.device)
        fit = torch.linalg.solve(own.mT @ own + stiff.double(), own.mT)
        # Beyond the face movements go on as they are at its edge.
        return cls(basis=_smooth(vertices.clamp(low, high)), fit=fit)

    @property
    def is_rigid(self) -> bool:
        """Whether nothing moves."""
        return self.fit is None and self.index is None

    def moved(self, vertices: Tensor, displacements: Tensor) -> Tensor:
        """Return the vertices [N,V,3] cm on N faces whose points are displaced by [N,468,3] cm."""
        placed = vertices.expand(len(displacements), *vertices.shape)
        if self.fit is not None and self.basis is not None:
            # In double precision, so that the order of sums does not show.
            parts = torch.einsum("bk,nkc->nbc", self.fit, displacements.double()).float()
            for number, column in enumerate(self.basis.unbind(1)):
                placed = torch.addcmul(placed, column[:, None], parts[:, number, None])
        if self.index is not None and self.share is not None:
            for index, share in zip(self.index.unbind(1), self.share.unbind(1), strict=True):
                placed = torch.addcmul(placed, share[:, None], displacements.index_select(1, index))
        return placed


def _nearest(vertices: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nearest points [V,K] of `vertices` [V,3] and how much each counts."""
    square, index = (
        torch.cdist(vertices, points, compute_mode=_EXACT)
        .square()
        .topk(NEIGHBOURS, 1, largest=False)
    )
    # A vertex far away follows the points that are nearest to it.
    share = (-(square - square[:, :1]) / (2 * _SIGMA**2)).exp()
    return index, share / share.sum(1, keepdim=True)


def _smooth(points: Tensor) -> Tensor:
    """Return the smooth movements [V,B] at points [V,3]: shifts, the face's width, height and
    depth, how those change along it, and the jaw. In units of 10 cm, so that they are alike."""
    x, y, z = (points / 10).unbind(1)
    top, bottom = _JAW
    part = ((points[:, 1] - top) / (bottom - top)).clamp(0, 1)
    jaw = part * part * (3 - 2 * part)
    return torch.stack([torch.ones_like(x), x, y, z, x * y, x * x, y * y, jaw], 1)
