"""The heads of a clip one by one, as what is worn on them needs them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry.camera import Camera
from ...head.canonical import canonical_face
from ...head.heads import Heads
from ...head.pose import fit_heads
from ..mesh.instances import Instances, turned
from ..mesh.mesh import Mesh
from .following import Following


@dataclass(frozen=True)
class HeadsFound:
    """N heads.

    frame:         [N] int64
    rotation:      [N,3,3]       translation: [N,3] cm, see `Heads`
    displacements: [N,468,3] cm, where the points of each face lie apart from those of the
                   canonical face, in its axes; None without landmarks
    """

    frame: Tensor
    rotation: Tensor
    translation: Tensor
    displacements: Tensor | None

    def __len__(self) -> int:
        return len(self.frame)

    @classmethod
    def of(cls, heads: Heads, *, landmarks: bool = True) -> "HeadsFound":
        """Return the heads of all frames; `landmarks`: with displacements, if there are any."""
        frame, place = heads.present.nonzero(as_tuple=True)
        displacements = None
        if landmarks and heads.landmarks.shape[2]:
            points = heads.landmarks[frame, place].float()
            own = fit_heads(points, heads.camera, frame).points
            displacements = own - canonical_face().vertices.to(own.device)
        return cls(
            frame,
            heads.rotation[frame, place].float(),
            heads.translation[frame, place].float(),
            displacements,
        )

    def wearing(
        self, mesh: Mesh, following: Following, *, cull: bool = False, occluder: bool = False
    ) -> Instances:
        """Return `mesh`, in the axes of the canonical face, on every head; see `Instances`."""
        vertices, normals = mesh.vertices, None
        if following.is_rigid or self.displacements is None:
            if not occluder:
                normals = turned(mesh.normals, self.rotation)
        else:
            vertices = following.moved(vertices, self.displacements)
        placed = turned(vertices, self.rotation) + self.translation[:, None]
        if normals is None and not occluder:
            normals = mesh.normals_of(placed)
        return Instances(mesh, placed, normals, self.frame, cull, occluder)


def projected(points: Tensor, frame: Tensor, camera: Camera) -> Tensor:
    """Return where [N,K,2] px points [N,K,3] of `frame` [N] appear; those behind the camera as if
    at its near plane."""
    view = camera.view(points)
    fx, fy, cx, cy = camera.of_frames(frame, view.dtype)[..., None]  # [N,1]
    z = view[..., 2].clamp(min=camera.near)
    return torch.stack([view[..., 0] / z * fx + cx, view[..., 1] / z * fy + cy], -1)
