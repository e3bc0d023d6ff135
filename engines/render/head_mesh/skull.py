"""What hides the far parts of a worn mesh: the face itself, and an ellipsoid for the skull."""

from functools import cache

import torch

from ...head.canonical import canonical_face
from ..mesh.mesh import Mesh
from ..mesh.shapes import ellipsoid

# Centimetres, in the axes of the canonical face, which lies outside of it by about a twentieth
# everywhere. With the face a head is 15 cm wide and 21 cm deep; ears stand out of it.
CENTRE = (0.0, 2.0, -5.0)
RADII = (7.2, 9.6, 8.2)
_BENEATH = 0.25  # cm under the skin, so that nothing that lies on it is hidden


@cache
def skull() -> Mesh:
    """Return the skull without the face, on the CPU."""
    return ellipsoid(RADII, CENTRE, rings=20, segments=28, name="skull")


@cache
def face_mesh(device: torch.device | str = "cpu") -> Mesh:
    """Return the canonical face as a mesh on `device`."""
    face = canonical_face()
    return Mesh(face.vertices, face.triangles, uv=face.uv, name="face").to(device)


@cache
def face_beneath() -> Mesh:
    """Return the canonical face a little under its skin, on the CPU."""
    face = face_mesh()
    return Mesh(face.vertices - _BENEATH * face.normals, face.triangles, name="face")


def rim_distance() -> torch.Tensor:
    """Return how far [468] cm each point of the canonical face lies from the face's outline."""
    face = face_mesh()
    edges = torch.cat([face.triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    edges, count = edges.sort(1).values.unique(dim=0, return_counts=True)
    rim = edges[count == 1].unique()
    apart = face.vertices[:, None] - face.vertices[rim]
    nearest: torch.Tensor = apart.norm(dim=2).amin(1)
    return nearest
