"""The 68 points lie on the features that define them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import InputError
from kinograph.engines.head.canonical import canonical_face
from kinograph.engines.head.landmarks_68 import landmarks_68, landmarks_70
from kinograph.engines.pose.skeletons import OPENPOSE_134

GEOMETRY = Path(__file__).parents[1] / "data" / "head" / "geometry.npz"

# What the astronaut shows at fourteen times its size, px of the whole picture, to about 1 px.
FEATURES = {
    **{8: (225, 178.5), 17: (190, 90.5), 19: (200, 89), 21: (214, 92.5)},
    **{22: (237.5, 93.5), 24: (253, 92), 26: (263, 96), 33: (226, 135)},
    **{36: (192, 101.5), 37: (199.5, 97), 38: (207.5, 96.5), 39: (215, 102), 40: (208, 104)},
    **{41: (199, 103.5), 42: (234.5, 105), 43: (243, 98.5), 44: (251, 99), 45: (259, 104.5)},
    **{46: (250, 106.5), 47: (241, 106.5), 48: (202.5, 140), 51: (226, 140.5), 54: (246, 141)},
    **{57: (225.5, 154.5), 60: (204, 140.5), 62: (225.5, 143.5), 64: (244.5, 141.5)},
    **{66: (225, 150), 68: (204, 100.8), 69: (246.5, 103.3)},
}


def canonical(points: Tensor) -> Tensor:
    """Return points of the canonical face [N,2] with y down, as in pictures."""
    return points[:, :2] * torch.tensor([1.0, -1.0])


def test_the_astronaut() -> None:
    with np.load(GEOMETRY) as file:
        mesh = torch.from_numpy(file["landmarks0"]).float() * 512
    found = landmarks_70(mesh)[:, :2]
    apart = torch.stack(
        [(found[number] - torch.tensor(at)).norm() for number, at in FEATURES.items()]
    )
    assert float(apart.mean()) < 2.2  # px, of a face of 100 px
    assert float(apart.max()) < 5


def test_left_and_right_mirror_each_other() -> None:
    """In the order in which poses mirror the points of a face."""
    face = OPENPOSE_134.parts["face"]
    flip = torch.tensor(OPENPOSE_134.flip[face]) - face.start
    points = landmarks_68(canonical_face().vertices)
    mirrored = points[flip] * torch.tensor([-1.0, 1.0, 1.0])
    assert float((points - mirrored).abs().max()) < 0.01  # cm


def test_points_follow_their_features() -> None:
    points = canonical(landmarks_70(canonical_face().vertices))
    x, y = points.unbind(1)
    assert float((points[1:17] - points[:16]).norm(dim=1).std()) < 0.2  # evenly along the jaw
    assert y[8] == y.max()
    for row in (range(17), range(17, 27), range(31, 36), range(48, 55), range(60, 65)):
        assert (x[list(row)].diff() > 0).all(), row
    assert (y[27:31].diff() > 0).all()
    eyes = torch.tensor([[36, 37, 38, 39, 40, 41], [42, 43, 44, 45, 46, 47]])
    corners, lids = x[eyes[:, 0]], eyes[:, 1:3]
    assert (y[lids] < y[eyes[:, [5, 4]]]).all()
    assert (x[lids].diff() > 0).all()
    assert (corners < x[lids[:, 0]]).all()
    for pupil, eye in zip((68, 69), eyes, strict=True):
        inside = points[eye]
        assert (points[pupil] > inside.amin(0)).all()
        assert (points[pupil] < inside.amax(0)).all()
    # The lips, from above: outside, inside, inside, outside.
    for column in ((50, 61, 67, 58), (51, 62, 66, 57), (52, 63, 65, 56)):
        assert (y[list(column)].diff() > 0.3).all(), column


def test_faces_in_batches_on_any_type() -> None:
    mesh = torch.rand(2, 3, 468, 3, dtype=torch.float64)
    found = landmarks_68(mesh)
    assert (found.shape, found.dtype) == ((2, 3, 68, 3), torch.float64)
    assert torch.equal(found[1, 2], landmarks_68(mesh[1, 2]))


def test_faces_without_landmarks_are_refused() -> None:
    with pytest.raises(InputError, match=r"expected 468 points .*, found 0; detect heads with"):
        landmarks_68(torch.zeros(1, 1, 0, 3))
