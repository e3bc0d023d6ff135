"""The canonical face: a mesh of 468 points in cm that landmarks correspond to, one by one."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

_FILE = Path(__file__).parent / "canonical_face.npz"


@dataclass(frozen=True)
class CanonicalFace:
    """MediaPipe's canonical face model, see NOTICE.

    vertices:  [468,3] cm; x to the right in the picture, y up, z out of the face
    uv:        [468,2] 0..1, from the top left corner of a texture
    triangles: [898,3] int64, counter-clockwise seen from the front
    weights:   [468] how much each point counts when the head's pose is fitted; 0 for most
    """

    vertices: Tensor
    uv: Tensor
    triangles: Tensor
    weights: Tensor


@cache
def canonical_face() -> CanonicalFace:
    """Return the canonical face, on the CPU."""
    with np.load(_FILE) as file:
        weights = np.zeros(len(file["vertices"]), np.float32)
        weights[file["basis_index"]] = file["basis_weight"]
        return CanonicalFace(
            vertices=torch.from_numpy(file["vertices"]),
            uv=torch.from_numpy(file["uv"]),
            triangles=torch.from_numpy(file["triangles"].astype(np.int64)),
            weights=torch.from_numpy(weights),
        )
