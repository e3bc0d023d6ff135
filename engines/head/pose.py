"""From landmarks to the pose of the head: the canonical face fitted to them in three dimensions.

The method is that of MediaPipe's face geometry: the depth of landmarks is relative and in units of
the picture, so the scale of the face is estimated first on the near plane, then once more on
landmarks that are unprojected with it, and the product of both unprojects them for the final fit.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..geometry.camera import Camera
from ..geometry.procrustes import fit_similarity
from .canonical import canonical_face

_NEAR = 1.0  # cm, where the near plane lies


@dataclass(frozen=True)
class HeadPoses:
    """Poses of N heads in the camera's axes, see `Heads`.

    rotation [N,3,3], translation [N,3] cm, and points [N,468,3] cm: the face's own points, in the
    axes of the canonical face
    """

    rotation: Tensor
    translation: Tensor
    points: Tensor


def fit_heads(landmarks: Tensor, camera: Camera, frame: Tensor) -> HeadPoses:
    """Return the poses of heads from landmarks [N,468,3] px, see `Heads`.

    frame: [N] int64, the camera's frame that each lies on

    Exact for a face of canonical proportions; the distance of a face of other proportions is that
    at which a canonical one would be as large.
    """
    face = canonical_face()
    canonical = face.vertices.to(landmarks.device, torch.float64)
    weights = face.weights.to(landmarks.device, torch.float64)
    points = landmarks.double()
    if not len(points):
        empty = landmarks.new_zeros(0, 3)
        return HeadPoses(landmarks.new_zeros(0, 3, 3), empty, landmarks.new_zeros(landmarks.shape))
    fx, fy, cx, cy = camera.of_frames(frame, torch.float64)[..., None]  # [N,1]
    # On the near plane: x and y in cm, z scaled as x, away from the camera.
    x, y, depth = (points[..., 0] - cx) / fx, (cy - points[..., 1]) / fy, points[..., 2] / fx
    flat, depth = torch.stack([x, y], -1) * _NEAR, depth * _NEAR
    relative = depth - depth.mean(-1, keepdim=True) + _NEAR

    def unprojected(scale: Tensor) -> Tensor:  # [N] -> [N,468,3] cm, z towards the camera
        z = relative / scale[:, None]
        return torch.cat([flat * (z / _NEAR)[..., None], -z[..., None]], -1)

    near = torch.cat([flat, -depth[..., None]], -1)
    first = fit_similarity(canonical, near, weights).scale
    second = fit_similarity(canonical, unprojected(first), weights).scale
    metric = unprojected(first * second)
    fit = fit_similarity(canonical, metric, weights)
    own = (metric - fit.translation[:, None]) @ fit.rotation / fit.scale[:, None, None]
    dtype = landmarks.dtype
    return HeadPoses(fit.rotation.to(dtype), fit.translation.to(dtype), own.to(dtype))
