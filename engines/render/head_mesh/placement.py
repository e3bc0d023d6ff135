"""Where on the head a mesh of the user's is worn, and how large."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...errors import InputError
from ...geometry.rotations import exp_map, product, to_matrices
from ...head.canonical import canonical_face
from ..mesh.mesh import Mesh
from .choices import ANCHORS, LARGEST, LARGEST_SCALE, UNITS
from .skull import CENTRE, RADII

WIDTH = 15.0  # cm, of a head: what a mesh is fitted to

# Points of the canonical face whose middle is the anchor.
_POINTS = {
    "nose_tip": (4,),
    "nose_bridge": (6,),
    "eyes": (33, 133, 362, 263),
    "mouth": (13, 14),
    "forehead": (151,),
    "chin": (152,),
}
_EAR = (7.7, 1.2, -4.0)  # cm: where the left ear begins, at the right of the picture
_PLACES = {
    "origin": (0.0, 0.0, 0.0),
    "ears": (0.0, _EAR[1], _EAR[2]),
    "left_ear": _EAR,
    "right_ear": (-_EAR[0], _EAR[1], _EAR[2]),
    "head_centre": CENTRE,
    "head_top": (CENTRE[0], CENTRE[1] + RADII[1], CENTRE[2]),
}


@dataclass(frozen=True)
class Placement:
    """How a mesh is brought onto the canonical face: scaled, turned, then moved.

    anchor:   what the mesh's origin is put on, one of `ANCHORS`
    unit:     what one unit of the mesh is, one of `UNITS`; fit: it is made as wide as a head
    scale:    factor of its size
    offset:   cm to the right of the picture, up, and out of the face
    rotation: degrees about those axes; about y first, then about x, then about z

    Raises `InputError` for an unknown choice and for values out of range.
    """

    anchor: str = "origin"
    unit: str = "cm"
    scale: float = 1.0
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        for name, found, known in (
            ("anchor", self.anchor, ANCHORS),
            ("unit", self.unit, tuple(UNITS)),
        ):
            if found not in known:
                raise InputError(
                    f"{name}: expected one of {', '.join(known)}, found {found[:40]!r}"
                )
        if not 0 < self.scale <= LARGEST_SCALE:
            raise InputError(
                f"scale: expected more than 0 and at most {LARGEST_SCALE:g}, found {self.scale}"
            )
        for name, values, most, unit in (
            ("offset", self.offset, LARGEST, "cm"),
            ("rotation", self.rotation, 360.0, "degrees"),
        ):
            if len(values) != 3 or not all(abs(value) <= most for value in values):
                raise InputError(
                    f"{name}: expected x, y and z of at most {most:g} {unit}, found {values}"
                )

    def of(self, meshes: Sequence[Mesh]) -> tuple[Mesh, ...]:
        """Return meshes, at least one, in the axes of the canonical face.

        Raises `InputError` for meshes without width that are to be fitted, and for one that would
        reach further than `LARGEST` from the head.
        """
        turn = rotation_matrix(self.rotation)
        turned = [mesh.vertices.double() @ turn.mT for mesh in meshes]
        scale = self.scale * (UNITS[self.unit] or WIDTH / _width(meshes[0].name, turned))
        move = anchor_place(self.anchor) + torch.tensor(self.offset)
        placed = []
        for mesh, points in zip(meshes, turned, strict=True):
            vertices = (points * scale).float() + move
            farthest = float(vertices.abs().max())
            if not farthest <= LARGEST:
                raise InputError(
                    f"{mesh.name}: at {scale:.4g} cm per unit it reaches {farthest:.4g} cm from "
                    f"the head, and at most {LARGEST:g} are expected; choose another unit, or fit"
                )
            normals = mesh.given_normals
            if normals is not None:
                normals = (normals.double() @ turn.mT).float()
            placed.append(replace(mesh, vertices=vertices, given_normals=normals))
        return tuple(placed)


def _width(name: str, vertices: Sequence[Tensor]) -> float:
    """Return how wide meshes are together, in their unit."""
    x = torch.cat([points[:, 0] for points in vertices])
    width = float(x.max() - x.min())
    if width <= 0:
        raise InputError(f"{name}: has no width that could be fitted to a head; choose a unit")
    return width


def anchor_place(anchor: str) -> Tensor:
    """Return where [3] cm an anchor lies in the axes of the canonical face."""
    if anchor in _PLACES:
        return torch.tensor(_PLACES[anchor])
    return canonical_face().vertices[list(_POINTS[anchor])].mean(0)


def rotation_matrix(degrees: tuple[float, float, float]) -> Tensor:
    """Return the rotation [3,3], double precision, about y, then x, then z by these degrees."""
    x, y, z = (
        exp_map(torch.eye(3, dtype=torch.float64)[axis] * math.radians(angle))
        for axis, angle in enumerate(degrees)
    )
    return to_matrices(product(z, product(x, y)))
