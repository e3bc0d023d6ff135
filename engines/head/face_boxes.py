"""The boxes of faces whose poses alone are known."""

import torch
from torch import Tensor

from .canonical import canonical_face


def face_boxes(rotation: Tensor, translation: Tensor, focal: Tensor, centre: Tensor) -> Tensor:
    """Return the boxes [...,4] px of the canonical face in poses [...,3,3] and [...,3] cm.

    focal, centre: [2] or [...,2] x, y px of the camera. Points behind the lens count as before it
    """
    points = canonical_face().vertices.to(rotation)
    seen = points @ rotation.mT + translation[..., None, :]  # [...,468,3]
    depth = (-seen[..., 2:]).clamp(min=1e-3)
    up = seen.new_tensor([1.0, -1.0])  # y points down in the picture
    flat = seen[..., :2] * up / depth * focal[..., None, :] + centre[..., None, :]
    return torch.cat([flat.amin(-2), flat.amax(-2)], -1)
