"""Heads in real pictures, in tiles, by joints, and nobody."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import InputError
from kinograph.engines.head.angles import angles
from kinograph.engines.head.detect import detect_heads
from kinograph.engines.head.heads import Heads
from kinograph.engines.head.regions import regions_of_people, tiles
from kinograph.engines.pose.poses import Poses
from kinograph.engines.runtime.engine import Engine

GEOMETRY = Path(__file__).parents[1] / "data" / "head" / "geometry.npz"


def test_the_astronaut(mesh: Engine, detector: Engine, astronaut: Tensor) -> None:
    heads = detect_heads(astronaut, mesh, detector)
    assert heads.count.tolist() == [1]
    assert float(heads.scores[0, 0]) > 0.9
    with np.load(GEOMETRY) as file:
        right = torch.from_numpy(file["landmarks0"]) * 512
    apart = (heads.landmarks[0, 0] - right)[:, :2].norm(dim=-1)
    assert float(apart.mean()) < 0.7  # px, of a face of 100 px
    assert float(apart.max()) < 2.5
    assert angles(heads.rotation)[0, 0].tolist() == pytest.approx((0.85, 14.8, -3.6), abs=2)


@pytest.mark.parametrize("turn", [-60.0, 35.0])
def test_turned_pictures_have_turned_heads(
    mesh: Engine, detector: Engine, astronaut: Tensor, turn: float
) -> None:
    from torchvision.transforms.functional import rotate

    face = astronaut[:, 0:300, 75:375]
    turned = rotate(face.movedim(-1, 1), turn).movedim(1, -1)  # counter-clockwise
    upright = detect_heads(face, mesh, detector)
    heads = detect_heads(turned, mesh, detector)
    if not int(heads.count[0]):
        pytest.fail("no head was found")
    roll = angles(heads.rotation)[0, 0, 2] - angles(upright.rotation)[0, 0, 2]
    assert float(roll) == pytest.approx(turn, abs=8)


def test_batches_equal_single_frames(mesh: Engine, detector: Engine, astronaut: Tensor) -> None:
    frames = torch.cat([astronaut, astronaut.flip(2), astronaut * 0, astronaut])
    heads = detect_heads(frames, mesh, detector)
    assert heads.count.tolist() == [1, 1, 0, 1]
    for number in range(4):
        one = detect_heads(frames[number : number + 1], mesh, detector)
        assert one.count.tolist() == [heads.count[number]]
        part = heads.slice(number, number + 1)
        assert part.landmarks.allclose(one.landmarks, atol=1e-2)
        assert part.rotation.allclose(one.rotation, atol=1e-4)


def test_small_heads_are_found_in_tiles(mesh: Engine, detector: Engine, astronaut: Tensor) -> None:
    frames = torch.full((1, 512, 1024, 3), 0.5)
    small = torch.nn.functional.interpolate(astronaut.movedim(-1, 1), (170, 170), mode="area")
    frames[:, 300:470, 700:870] = small.movedim(1, -1)
    assert detect_heads(frames, mesh, detector).count.tolist() == [0]
    heads = detect_heads(frames, mesh, detector, smallest_face=30)
    assert heads.count.tolist() == [1]
    middle = (heads.boxes[0, 0, :2] + heads.boxes[0, 0, 2:]) / 2
    assert middle.tolist() == pytest.approx([700 + 225 / 3, 300 + 124 / 3], abs=6)


def test_tiles_cover_the_frame_and_overlap() -> None:
    assert tiles((464, 832), 0).tolist() == [[416, 232, 832]]
    squares = tiles((464, 832), 40)
    assert squares[0].tolist() == [416, 232, 832]
    sides = squares[:, 2].unique().tolist()
    assert sides == [200, 208, 416, 832]
    smallest = squares[squares[:, 2] == sides[0]]
    for axis, length in ((0, 832), (1, 464)):
        at = smallest[:, axis].unique()
        assert float(at[0]) <= sides[0] / 2
        assert float(at[-1]) >= length - sides[0] / 2 - 1e-3
        assert float((at[1:] - at[:-1]).max()) <= 0.75 * sides[0] + 1e-3
    with pytest.raises(InputError, match="choose a larger face, or crop the frames"):
        tiles((4320, 7680), 2)
    with pytest.raises(InputError, match="at least 0 px, found -1"):
        tiles((10, 10), -1)


def people(canvas: tuple[int, int], *joints: tuple[float, float]) -> Poses:
    """Return one person: nose, left and right eye, left and right ear."""
    poses = Poses.empty(1, canvas)
    poses.count[0] = 1
    poses.scores[0, 0] = 1
    poses.track_ids[0, 0] = 7
    poses.keypoints[0, 0, : len(joints)] = torch.tensor(joints)
    poses.confidence[0, 0, : len(joints)] = 1
    return poses


def test_heads_of_people_keep_their_tracks(mesh: Engine, astronaut: Tensor) -> None:
    poses = people((512, 512), (228, 122), (246, 100), (209, 103), (265, 112), (184, 113))
    heads = detect_heads(astronaut, mesh, poses=poses)
    assert heads.count.tolist() == [1]
    assert heads.track_ids.tolist() == [[7]]
    assert angles(heads.rotation)[0, 0].tolist() == pytest.approx((0.85, 14.8, -3.6), abs=3)


def test_regions_need_two_joints() -> None:
    regions, place = regions_of_people(people((512, 512), (228, 122)))
    assert len(regions) == len(place) == 0


def test_nobody_is_no_error(mesh: Engine, detector: Engine) -> None:
    grey = torch.full((3, 64, 96, 3), 0.5)
    heads = detect_heads(grey, mesh, detector)
    assert heads.count.tolist() == [0, 0, 0]
    assert heads.canvas == (64, 96)
    assert detect_heads(grey, mesh, poses=Poses.empty(3, (64, 96))).count.tolist() == [0, 0, 0]


def test_what_is_refused(mesh: Engine, detector: Engine) -> None:
    grey = torch.full((2, 64, 96, 3), 0.5)
    with pytest.raises(InputError, match="found in 3 frames of 96x64, but image holds 2"):
        detect_heads(grey, mesh, poses=Poses.empty(3, (64, 96)))
    with pytest.raises(InputError, match="engine that finds faces, or poses; found neither"):
        detect_heads(grey, mesh)
    with pytest.raises(InputError, match="does not find the points of faces"):
        detect_heads(grey, detector, mesh)
    with pytest.raises(InputError, match="does not find faces in frames"):
        detect_heads(grey, mesh, mesh)
    with pytest.raises(InputError, match=r"score_threshold: expected 0\.\.1, found 2"):
        detect_heads(grey, mesh, detector, score_threshold=2)


def test_chunks_are_joined(mesh: Engine, detector: Engine, astronaut: Tensor) -> None:
    frames = torch.cat([astronaut, astronaut * 0])
    whole = detect_heads(frames, mesh, detector)
    parts = [detect_heads(frames[n : n + 1], mesh, detector) for n in range(2)]
    joined = Heads.cat(parts)
    assert joined.count.tolist() == whole.count.tolist()
    assert joined.landmarks.shape == whole.landmarks.shape
    with pytest.raises(InputError, match="differ in canvas or landmarks"):
        Heads.cat([whole, detect_heads(frames[:, :256], mesh, detector)])
