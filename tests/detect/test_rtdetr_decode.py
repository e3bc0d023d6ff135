"""From outputs to objects: boxes, classes, poses, keypoints."""

import pytest
import torch
from torch import Tensor

from kinograph.engines.detect.objects import Objects
from kinograph.engines.detect.projection import corrected, lifted, projected
from kinograph.engines.detect.rtdetr_pose.decode import decode
from kinograph.engines.detect.rtdetr_pose.layers import to_logits
from kinograph.engines.errors import InputError
from kinograph.engines.geometry.rotations import exp_map, from_two_rows, geodesic, to_matrices

INTRINSICS = torch.tensor([[100.0, 110.0, 48.0, 32.0]]).expand(2, 4)


def outputs() -> dict[str, Tensor]:
    """Two images, three queries: in the first image the last query is surest, then the first."""
    logits = torch.full((2, 3, 3), -9.0)
    logits[..., 2] = 9.0
    logits[0, 2, 1], logits[0, 0, 0] = 14.0, 10.0
    boxes = torch.tensor([0.5, 0.5, 0.25, 0.5]).expand(2, 3, 4)
    rotation = torch.eye(3)[[1, 0, 2]] * torch.tensor([1.0, -1, 1])[:, None]
    return {
        "logits": logits,
        "bbox": to_logits(boxes),
        "log_z": torch.full((2, 3, 1), 2.0).log(),
        "rot6d": 3 * rotation[:2].flatten().expand(2, 3, 6),
        "offsets": torch.tensor([10.0, -11.0]).expand(2, 3, 2),
        "k_delta": torch.zeros(2, 4),
        "keypoints": torch.full((2, 3, 1, 2), 0.25),
    }


def test_objects_are_ranked_and_placed_in_space() -> None:
    found = decode(outputs(), (64, 96), intrinsics=INTRINSICS)
    assert found.count.tolist() == [2, 0]
    assert found.classes[0, :2].tolist() == [1, 0]
    assert found.scores[0].tolist() == sorted(found.scores[0].tolist(), reverse=True)
    torch.testing.assert_close(found.boxes[0, 0], torch.tensor([36.0, 16.0, 60.0, 48.0]))
    assert found.rotation is not None
    assert found.translation is not None
    wanted = torch.tensor([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    torch.testing.assert_close(found.rotation[0, 0], wanted)
    # The origin is seen 10 px right of and 11 px above the middle, at 2 m.
    torch.testing.assert_close(found.translation[0, 0], torch.tensor([0.2, -0.2, 2.0]))
    torch.testing.assert_close(found.keypoints[0, 0, 0], torch.tensor([24.0, 16.0]))
    assert not bool(found.translation[1].any())
    assert found.detections.boxes is found.boxes


def test_a_changed_camera_moves_places() -> None:
    changed = outputs()
    changed["k_delta"] = torch.tensor([[1.0, 0, 10, 0]]).expand(2, 4)
    found = decode(changed, (64, 96), intrinsics=INTRINSICS)
    assert found.translation is not None
    torch.testing.assert_close(found.translation[0, 0], torch.tensor([0.0, -0.2, 2.0]))


def test_without_intrinsics_there_are_no_poses() -> None:
    found = decode(outputs(), (64, 96), threshold=0.9, most=1)
    assert (found.rotation, found.translation, found.camera) == (None, None, None)
    assert found.count.tolist() == [1, 0]


def test_outputs_that_are_not_finite_are_refused() -> None:
    broken = outputs()
    broken["log_z"][1, 2] = float("nan")
    with pytest.raises(InputError, match="output log_z: found NaN or infinity"):
        decode(broken, (64, 96))
    with pytest.raises(InputError, match=r"score threshold in 0\.\.1 .* found 1.5 and 50"):
        decode(outputs(), (64, 96), threshold=1.5)


def test_objects_join_and_come_apart() -> None:
    found = decode(outputs(), (64, 96), intrinsics=INTRINSICS)
    parts = [found.slice(0, 1), found.slice(1, 2)]
    joined = Objects.cat(parts)
    assert joined.count.tolist() == [2, 0]
    assert joined.camera is not None
    assert joined.camera.size == (64, 96)
    torch.testing.assert_close(joined.translation, found.translation)
    with pytest.raises(InputError, match="differ in canvas, keypoints, names or poses"):
        Objects.cat([found, decode(outputs(), (64, 96))])
    with pytest.raises(InputError, match="expected rotation, translation and camera, or none"):
        Objects(**{**vars(found), "camera": None})


def test_places_are_seen_where_they_were_lifted_from() -> None:
    random = torch.Generator().manual_seed(0)
    points = torch.rand(2, 5, 2, generator=random) * 90
    depth = torch.rand(2, 5, 1, generator=random) + 0.5
    camera = corrected(INTRINSICS, torch.tensor([0.1, -0.1, 3, -4]))[:, None]
    torch.testing.assert_close(projected(lifted(points, depth, camera), camera), points)


def test_two_rows_make_a_rotation_and_angles_are_exact() -> None:
    random = torch.Generator().manual_seed(0)
    vectors = torch.randn(50, 3, generator=random, dtype=torch.float64)
    axes = vectors / vectors.norm(dim=-1, keepdim=True)
    matrices = to_matrices(exp_map(vectors))
    rows = matrices[:, :2].clone()
    rows[:, 1] += 0.7 * rows[:, 0]  # not orthogonal, and of other lengths
    torch.testing.assert_close(from_two_rows((rows * 5).flatten(1)), matrices)
    for angle in (0.0, 1e-7, 0.3, 3.14):
        turned = matrices @ to_matrices(exp_map(axes * angle))
        wanted = torch.full((50,), angle, dtype=torch.float64)
        torch.testing.assert_close(geodesic(matrices, turned), wanted, atol=1e-9, rtol=0)
