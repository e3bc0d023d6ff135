"""Made cuboids: what is told about them is what is seen."""

import pytest
import torch

from kinograph.engines.datasets.made_cuboids import kinds, make_cuboids
from kinograph.engines.datasets.seeded import normal, uniform
from kinograph.engines.detect.projection import projected
from kinograph.engines.errors import InputError

SIZE = (64, 96)


def test_pictures_follow_from_their_numbers_alone() -> None:
    one, other = make_cuboids(range(6), size=SIZE), make_cuboids([4, 1], size=SIZE)
    assert torch.equal(one.images[[4, 1]], other.images)
    assert torch.equal(one.masks[[4, 1]], other.masks)
    assert torch.equal(one.truths[4].boxes, other.truths[0].boxes)
    again = make_cuboids([4], size=SIZE, seed=1)
    assert not torch.equal(again.truths[0].boxes, other.truths[0].boxes)


def test_boxes_corners_and_origins_lie_where_the_pixels_are() -> None:
    made = make_cuboids(range(24), size=SIZE, most=3, classes=2)
    counts = [len(truth) for truth in made.truths]
    assert set(counts) == {1, 2, 3}
    scale = torch.tensor([96.0, 64.0])
    for picture, mask, truth in zip(made.images, made.masks, made.truths, strict=True):
        assert truth.translation is not None
        assert truth.rotation is not None
        assert truth.intrinsics is not None
        assert truth.offsets is not None
        assert picture.min() >= 0
        assert picture.max() <= 1
        assert set(mask.unique().tolist()) == {*range(len(truth) + 1)}
        cad = torch.stack(list(truth.cad_points))
        places = cad @ truth.rotation.mT + truth.translation[:, None]
        seen = projected(places, truth.intrinsics)
        torch.testing.assert_close(seen / scale, truth.keypoints[..., :2])
        origin = projected(truth.translation, truth.intrinsics)
        torch.testing.assert_close(truth.boxes[:, :2] * scale + truth.offsets, origin)
        for number, box in enumerate(truth.boxes):
            rows, columns = (mask == number + 1).nonzero().unbind(1)
            centre, sides = box[:2] * scale, box[2:] * scale
            low, high = centre - sides / 2, centre + sides / 2
            for axis, places_of in ((0, columns), (1, rows)):
                assert float(places_of.min()) >= float(low[axis]) - 1
                assert float(places_of.max()) <= float(high[axis])
        if len(truth) == 1:  # nothing hides it: it reaches all ends of its box
            rows, columns = mask.nonzero().unbind(1)
            reached = torch.stack([columns.max() - columns.min(), rows.max() - rows.min()]) + 1
            assert bool(((truth.boxes[0, 2:] * scale - reached).abs() < 2).all())


def test_a_lone_cuboid_shows_four_to_seven_corners_and_hides_the_others() -> None:
    made = make_cuboids(range(30), size=SIZE, most=1)
    whole = 0
    for truth in made.truths:
        seen = truth.keypoints[0, :, 2]
        inside = ((truth.keypoints[0, :, :2] >= 0) & (truth.keypoints[0, :, :2] < 1)).all(1)
        assert torch.equal(seen > 0, inside)
        assert int((seen == 1).sum()) <= 4
        if bool(inside.all()):
            whole += 1
            assert 4 <= int((seen == 2).sum()) <= 7
    assert whole > 10


def test_rotations_are_uniform_and_faces_have_their_colours() -> None:
    truths = make_cuboids(range(300), size=(32, 32), most=1).truths
    turns = torch.cat([truth.rotation for truth in truths if truth.rotation is not None])
    assert float(turns.mean(0).abs().max()) < 0.1  # of a uniform distribution 0, +- 0.033
    made = make_cuboids(range(20), size=(96, 96), most=1)
    for picture, truth in zip(made.images, made.truths, strict=True):
        assert truth.rotation is not None
        assert truth.translation is not None
        assert truth.intrinsics is not None
        # The middle of the face x = +0.05, cyan, if it looks at the camera.
        face = truth.rotation[0] @ torch.tensor([0.05, 0, 0]) + truth.translation[0]
        outward = truth.rotation[0, :, 0]
        if float(-outward @ face / face.norm()) > 0.5:
            x, y = projected(face, truth.intrinsics).long().tolist()
            if 0 <= x < 96 and 0 <= y < 96:
                red, green, blue = picture[y, x].tolist()
                assert red < 0.3
                assert min(green, blue) > 0.5


def test_half_turns_leave_a_symmetric_cuboid_as_it_is() -> None:
    found = kinds(2)
    assert [len(turns) for turns in found.rotations] == [1, 4]
    assert torch.equal(found.rotations[1].diagonal(dim1=1, dim2=2).prod(1), torch.ones(4))
    assert len(found.skeleton) == 12


def test_seeded_numbers_are_random() -> None:
    index = torch.arange(1000)
    flat = uniform(7, index, 20)
    assert float(flat.min()) >= 0
    assert float(flat.max()) < 1
    assert float(flat.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(flat.std()) == pytest.approx(12**-0.5, abs=0.005)
    together = torch.corrcoef(torch.cat([flat, flat.roll(1, 0), uniform(8, index, 20)], 1).T)
    assert float((together - torch.eye(60)).abs().max()) < 0.16  # 5 standard deviations
    bell = normal(7, index, 21)
    assert float(bell.mean()) == pytest.approx(0, abs=0.03)
    assert float(bell.std()) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"indices": []}, "found 0 pictures"),
        ({"indices": [-1]}, "expected pictures from 0"),
        ({"most": 5}, "1 to 4 objects, found 1 pictures of 96x64 px, 5 objects"),
        ({"classes": 3}, "classes: expected 1 to 2, found 3"),
        ({"seed": -1}, "seed: expected"),
        ({"size": (16, 16)}, "at least 32x32 px"),
    ],
)
def test_values_out_of_range_are_refused(changes: dict[str, object], message: str) -> None:
    settings: dict[str, object] = {"indices": [0], "size": SIZE, **changes}
    indices = settings.pop("indices")
    with pytest.raises(InputError, match=message):
        make_cuboids(indices, **settings)  # type: ignore[arg-type]
