"""Made people: what is told about them is what is seen."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from kinograph.engines.datasets.backgrounds import Backgrounds
from kinograph.engines.datasets.made import MadePictures
from kinograph.engines.datasets.made_people import make_people, people_kinds
from kinograph.engines.detect.projection import projected
from kinograph.engines.errors import InputError

SIZE = (64, 96)
SIDES = torch.tensor([96.0, 64.0])


@pytest.fixture(scope="module")
def made() -> MadePictures:
    return make_people(range(8), size=SIZE)


def test_pictures_follow_from_their_numbers_alone(made: MadePictures) -> None:
    again = make_people([5], size=SIZE)
    torch.testing.assert_close(made.images[5], again.images[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(made.truths[5].keypoints, again.truths[0].keypoints)
    assert torch.equal(made.masks[5], again.masks[0])
    assert not torch.allclose(make_people([5], size=SIZE, seed=1).images, again.images, atol=0.1)


def test_boxes_joints_and_pelvises_lie_where_the_pixels_are(made: MadePictures) -> None:
    kinds = people_kinds()
    left, right = (kinds.keypoints.index(f"{side}_hip") for side in ("left", "right"))
    visible = 0
    for mask, truth in zip(made.masks, made.truths, strict=True):
        assert truth.translation is not None
        assert truth.rotation is not None
        assert truth.intrinsics is not None
        assert truth.offsets is not None
        origin = projected(truth.translation, truth.intrinsics)
        torch.testing.assert_close(truth.boxes[:, :2] * SIDES + truth.offsets, origin)
        turned = truth.rotation @ truth.rotation.mT
        torch.testing.assert_close(turned, torch.eye(3).expand(len(truth), 3, 3))
        assert bool((torch.linalg.det(truth.rotation) > 0).all())
        for number, (box, points) in enumerate(zip(truth.boxes, truth.keypoints, strict=True)):
            rows, columns = (mask == number + 1).nonzero().unbind(1)
            assert len(rows) > 0
            low, high = ((box[:2] + s * box[2:] / 2) * SIDES for s in (-1, 1))
            assert float(columns.min()) >= float(low[0]) - 1
            assert float(columns.max()) <= float(high[0]) + 1
            assert float(rows.min()) >= float(low[1]) - 1
            assert float(rows.max()) <= float(high[1]) + 1
            seen = points[points[:, 2] == 2, :2] * SIDES
            labels = mask[seen[:, 1].long().clamp(max=63), seen[:, 0].long().clamp(max=95)]
            assert bool(((labels == number + 1) | (labels == 0)).all())
            visible += int((labels == number + 1).sum())
            if bool((points[[left, right], 2] > 0).all()):
                # The left hip lies to the side of the pelvis that its x axis points to.
                across = (points[left, :2] - points[right, :2]) * SIDES
                assert float(across @ truth.rotation[number, :2, 0]) >= -0.5
    assert visible > 40


def test_backgrounds_are_parts_of_the_given_pictures(tmp_path: Path, made: MadePictures) -> None:
    Image.new("RGB", (50, 30), (0, 0, 250)).save(tmp_path / "a.png")
    backgrounds = Backgrounds.of_folder(tmp_path)
    found = make_people(range(2), size=SIZE, backgrounds=backgrounds)
    behind = found.images[found.masks == 0]
    assert float(behind[:, 2].mean()) > 0.4
    assert float(behind[:, :2].mean()) < 0.05
    assert torch.equal(found.truths[1].boxes, made.truths[1].boxes)
    photographs = Backgrounds.photographs()
    assert "photographs of scikit-image" in photographs.name
    parts = photographs.behind(torch.arange(20), SIZE, seed=0, stream=16)
    assert float(parts.flatten(1).mean(1).std()) > 0.03
    with pytest.raises(InputError, match="expected a folder of 1 to 2000 pictures, found 0"):
        Backgrounds.of_folder(tmp_path / "none")


def test_values_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="people: expected pictures from 0 of at least 32x32"):
        make_people([0], most=7)
