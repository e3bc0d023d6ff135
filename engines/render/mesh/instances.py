"""Meshes in front of the camera: where each copy is, and in which frame."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...checks import check_shape
from ...errors import InputError
from .mesh import Mesh


@dataclass(frozen=True)
class Instances:
    """N copies of a mesh, each in one frame.

    mesh:     what they look like
    vertices: [N,V,3] in front of the camera, in the axes of the `Camera`
    normals:  [N,V,3] unit vectors there; None for an occluder
    frame:    [N] int64, the frame that each is in
    cull:     leave out triangles that are seen from behind; wrong for open surfaces seen from both
              sides
    occluder: hide what is behind, without being seen
    tint:     [N,3] factors of the colours, or None: see `tone.picture_tint`
    shade:    [N,4] the light on each instead of the scene's, or None: a surface with the unit
              normal n has its colour times the first value plus the product of n and the others

    Raises `InputError` for shapes that do not fit each other and for places that are not finite.
    """

    mesh: Mesh
    vertices: Tensor
    normals: Tensor | None
    frame: Tensor
    cull: bool = True
    occluder: bool = False
    tint: Tensor | None = None
    shade: Tensor | None = None

    def __post_init__(self) -> None:
        name, count = self.mesh.name, len(self.frame)
        check_shape(f"{name}: vertices", self.vertices, [count, len(self.mesh.vertices), 3])
        check_shape(f"{name}: frame", self.frame, [count])
        if self.normals is None and not self.occluder:
            raise InputError(f"{name}: only an occluder needs no normals")
        if self.normals is not None:
            check_shape(f"{name}: normals", self.normals, list(self.vertices.shape))
        if self.tint is not None:
            check_shape(f"{name}: tint", self.tint, [count, 3])
        if self.shade is not None:
            check_shape(f"{name}: shade", self.shade, [count, 4])
        # One wait for a GPU for both.
        right = torch.stack([self.vertices.isfinite().all(), (self.frame >= 0).all()]).tolist()
        if not right[0]:
            raise InputError(
                f"{name}: a vertex is placed at NaN or infinity; check the rotations and "
                "translations that place it"
            )
        if not right[1]:
            raise InputError(f"{name}: expected frames from 0, found {int(self.frame.min())}")

    @classmethod
    def rigid(
        cls,
        mesh: Mesh,
        rotation: Tensor,
        translation: Tensor,
        present: Tensor | None = None,
        *,
        cull: bool = True,
        occluder: bool = False,
    ) -> "Instances":
        """Place a mesh by rotations [F,P,3,3] and translations [F,P,3]: v' = R v + t.

        present: [F,P] bool, which of the places are taken; None: all
        """
        check_shape(f"{mesh.name}: rotation", rotation, ["F", "P", 3, 3])
        check_shape(f"{mesh.name}: translation", translation, [*rotation.shape[:2], 3])
        frame, person = _taken(mesh, rotation, present)
        mesh = mesh.to(rotation.device)
        turn = rotation[frame, person].float()
        vertices = turned(mesh.vertices, turn) + translation[frame, person, None].float()
        normals = None if occluder else turned(mesh.normals, turn)
        return cls(mesh, vertices, normals, frame, cull, occluder)

    @classmethod
    def deformed(
        cls,
        mesh: Mesh,
        vertices: Tensor,
        present: Tensor | None = None,
        *,
        cull: bool = True,
        occluder: bool = False,
    ) -> "Instances":
        """Place a mesh whose vertices are at [F,P,V,3]; normals are computed from them."""
        check_shape(f"{mesh.name}: vertices", vertices, ["F", "P", len(mesh.vertices), 3])
        frame, person = _taken(mesh, vertices, present)
        mesh = mesh.to(vertices.device)
        placed = vertices[frame, person].float()
        normals = None if occluder else mesh.normals_of(placed)
        return cls(mesh, placed, normals, frame, cull, occluder)

    def tinted(self, tint: Tensor | None) -> "Instances":
        """Return the same instances with their colours multiplied by `tint` [N,3]."""
        return replace(self, tint=tint)

    def lit(self, tint: Tensor, shade: Tensor) -> "Instances":
        """Return the same instances with colours multiplied by `tint` [N,3], in the light `shade`
        [N,4]."""
        return replace(self, tint=tint, shade=shade)

    def within(self, start: int, stop: int) -> "Instances":
        """Return those of the frames from `start` up to but not including `stop`, counted from
        `start`."""
        at = ((self.frame >= start) & (self.frame < stop)).nonzero().squeeze(1)
        return replace(
            self,
            vertices=self.vertices[at],
            normals=None if self.normals is None else self.normals[at],
            frame=self.frame[at] - start,
            tint=None if self.tint is None else self.tint[at],
            shade=None if self.shade is None else self.shade[at],
        )


def _taken(mesh: Mesh, places: Tensor, present: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the frame [N] and the person [N] of every place that is taken."""
    if present is None:
        frames, people = (torch.arange(side, device=places.device) for side in places.shape[:2])
        return frames.repeat_interleave(len(people)), people.repeat(len(frames))
    check_shape(f"{mesh.name}: present", present, list(places.shape[:2]))
    frame, person = present.nonzero().unbind(1)
    return frame, person


def turned(vectors: Tensor, rotation: Tensor) -> Tensor:
    """Return vectors [V,3] or [N,V,3] turned by rotations [N,3,3]: [N,V,3].

    Not as a matrix product, which may run in TF32, and differ in the last bit with N.
    """
    x, y, z = vectors[..., None].unbind(-2)  # [V,1] or [N,V,1]
    a, b, c = rotation[:, None].unbind(3)  # [N,1,3]
    return (x * a).addcmul_(y, b).addcmul_(z, c)
