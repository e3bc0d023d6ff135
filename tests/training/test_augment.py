"""Changed pictures: what is told about objects afterwards is what is seen."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kinograph.engines.datasets.made_cuboids import kinds, make_cuboids
from kinograph.engines.datasets.made_people import people_kinds
from kinograph.engines.datasets.object_targets import targets_of
from kinograph.engines.detect.projection import corrected, lifted, projected
from kinograph.engines.detect.rtdetr_pose.targets import Targets
from kinograph.engines.errors import InputError
from kinograph.engines.training.augment import Augment, Choices

SIZE = (64, 96)
SIDES = torch.tensor([96.0, 64.0])
COUNT = 12


@pytest.fixture(scope="module")
def pictures() -> tuple[Tensor, Targets]:
    made = make_cuboids(range(COUNT), size=SIZE)
    return made.images.movedim(-1, 1), targets_of(made.truths, SIZE)


def corners(targets: Targets, cad: Tensor) -> Tensor:
    """Return where the camera that truly took the pictures sees the corners, [B,M,8,2] px."""
    assert targets.k_delta is not None
    camera = corrected(targets.intrinsics, targets.k_delta)[:, None]
    origin = targets.boxes[..., :2] * SIDES + targets.offsets
    place = lifted(origin, targets.z[..., None], camera)
    return projected(cad @ targets.rotation.mT + place[..., None, :], camera[:, None])


def changed(pictures: tuple[Tensor, Targets], **choices: object) -> tuple[Tensor, Targets]:
    torch.manual_seed(5)
    augment = Augment(Choices(**choices), kinds(), 12)  # type: ignore[arg-type]
    return augment(*pictures)


@pytest.mark.parametrize(
    ("choices", "within"),
    [
        ({"pan": 8.0, "tilt": 8.0, "roll": 40.0}, 1e-2),
        ({"focal": (0.1, 0.05), "principal": (5.0, 3.0)}, 1e-2),
        ({"pan": 4.0, "focal": (0.1, 0.1), "roll": 180.0}, 1e-2),
        ({"zoom": (0.7, 1.4)}, 3.0),  # a nearer camera sees objects in another perspective
    ],
)
def test_poses_go_where_the_corners_go(
    pictures: tuple[Tensor, Targets], choices: dict[str, object], within: float
) -> None:
    images, targets = changed(pictures, **choices)
    cad = make_cuboids([0], size=SIZE).truths[0].cad_points[0]
    seen = corners(targets, cad)
    told = targets.keypoints[..., :2] * SIDES
    counts = (targets.keypoints[..., 2] > 0) & targets.present[..., None]
    assert int(counts.sum()) > 50
    assert float((seen - told).norm(dim=-1)[counts].max()) < within
    if within < 1:
        turns = targets.rotation[targets.present]
        torch.testing.assert_close(turns.mT @ turns, torch.eye(3).expand(turns.shape))
    assert images.shape == pictures[0].shape
    assert not torch.equal(images, pictures[0])
    # Corners are where the pixels are, too: the colour of an object's middle goes with it.
    places = targets.boxes[..., :2] * SIDES + targets.offsets
    before = pictures[1].boxes[..., :2] * SIDES + pictures[1].offsets
    one = pictures[1].present.sum(1) == 1
    one &= targets.present.sum(1) == 1
    number = torch.arange(COUNT)[one]
    colours = [
        image[number, :, at[one, 0, 1].long().clamp(0, 63), at[one, 0, 0].long().clamp(0, 95)]
        for image, at in ((pictures[0], before), (images, places))
    ]
    assert float((colours[0] - colours[1]).abs().median()) < 0.08


def test_a_mirror_swaps_sides_and_mirrors_what_has_a_plane_of_symmetry(
    pictures: tuple[Tensor, Targets],
) -> None:
    images, cuboids = pictures
    person = people_kinds()
    swap = torch.tensor(person.flip)
    targets = replace(cuboids, keypoints=cuboids.keypoints.repeat(1, 1, 3, 1)[:, :, :17])
    augment = Augment(Choices(flip=1.0), person, 12)
    mirrored, seen = augment(images, targets)
    torch.testing.assert_close(mirrored, images.flip(3), atol=1e-4, rtol=0)
    there = targets.present
    torch.testing.assert_close(seen.boxes[there][:, 0], 1 - targets.boxes[there][:, 0])
    visible = (targets.keypoints[:, :, swap, 2] > 0) & there[..., None]
    x = 1 - targets.keypoints[:, :, swap, 0]
    torch.testing.assert_close(seen.keypoints[..., 0][visible], x[visible])
    back = torch.diag(torch.tensor([-1.0, 1, 1]))
    wanted = (back @ targets.rotation @ back)[targets.present]
    torch.testing.assert_close(seen.rotation[targets.present], wanted)
    torch.testing.assert_close(torch.linalg.det(wanted), torch.ones(len(wanted)))
    again = augment(mirrored, seen)[1]
    offsets = again.offsets[there], targets.offsets[there]
    torch.testing.assert_close(*offsets, atol=1e-3, rtol=0)
    torch.testing.assert_close(again.intrinsics, targets.intrinsics)
    plain = replace(kinds(), keypoints=(), sigmas=torch.zeros(0), flip=())
    bare = replace(cuboids, keypoints=cuboids.keypoints[:, :, :0])
    unknown = Augment(Choices(flip=1.0), plain, 12)(images, bare)[1]
    assert bool(unknown.rotation.isnan().all())
    assert not bool(unknown.z[unknown.present].isnan().any())
    round_ = replace(plain, axes=torch.tensor([[0.0, 0, 1]]))
    about = Augment(Choices(flip=1.0), round_, 12)(images, bare)[1]
    along = about.rotation[about.present][..., 2]
    torch.testing.assert_close(along, (cuboids.rotation[cuboids.present] @ back[:, 2]) @ back)
    with pytest.raises(InputError, match="flip: expected keypoints that the picture's mirror im"):
        Augment(Choices(flip=0.1), kinds(), 12)


def test_objects_that_leave_the_picture_are_left_out(pictures: tuple[Tensor, Targets]) -> None:
    _, targets = changed(pictures, zoom=(3.0, 3.0))
    assert 0 < int(targets.present.sum()) < int(pictures[1].present.sum())
    counts = targets.present.sum(1)
    front = torch.arange(targets.present.shape[1]) < counts[:, None]
    assert torch.equal(targets.present, front)
    low, high = (targets.boxes[..., :2] + s * targets.boxes[..., 2:] / 2 for s in (-1, 1))
    assert float(low.min()) > -1e-5
    assert float(high.max()) < 1 + 1e-5
    outside = (targets.keypoints[..., :2] <= 0) | (targets.keypoints[..., :2] >= 1)
    assert not bool(targets.keypoints[..., 2][outside.any(-1)].any())


def test_a_mosaic_holds_the_objects_of_four(pictures: tuple[Tensor, Targets]) -> None:
    images, targets = changed(pictures, mosaic=1.0)
    before = pictures[1].present.sum(1)
    four = sum(before.roll(-n) for n in range(4))
    assert targets.present.sum(1).tolist() == four.tolist()  # type: ignore[union-attr]
    assert bool(targets.rotation.isnan().all())
    assert bool(targets.intrinsics.isnan().all())
    torch.testing.assert_close(targets.boxes[0, 0], pictures[1].boxes[0, 0] / 2)
    last = targets.boxes[0, int(before[:3].sum())]
    torch.testing.assert_close(last[:2], pictures[1].boxes[3, 0, :2] / 2 + 0.5)
    corner = images[0, :, 32:, 48:].mean((1, 2))
    torch.testing.assert_close(corner, pictures[0][3].mean((1, 2)), atol=1e-3, rtol=0)
    torch.manual_seed(5)
    few = Augment(Choices(mosaic=1.0), kinds(), 3)(*pictures)[1]
    assert int(few.present.sum(1).max()) <= 3
    assert few.present.shape[1] < 8


def test_colours_change_without_moving_anything(pictures: tuple[Tensor, Targets]) -> None:
    same = changed(pictures)
    assert torch.equal(same[0], pictures[0])
    for choices in (
        {"hue": 0.3},
        {"saturation": 0.5},
        {"brightness": 0.4},
        {"colours": 0.3},
        {"blur": (1.0, 2.0)},
        {"noise": (1.0, 0.1)},
    ):
        images, targets = changed(pictures, **choices)
        assert float((images - pictures[0]).abs().mean()) > 0.004
        assert float(images.min()) >= 0
        assert float(images.max()) <= 1
        assert targets is pictures[1]
        assert torch.equal(images, changed(pictures, **choices)[0])
    gray, _ = changed(pictures, gray=1.0)
    assert float((gray[:, 0] - gray[:, 2]).abs().max()) < 1e-3


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"flip": 1.5}, "flip: expected 0..1, found 1.5"),
        ({"zoom": (1.2, 0.8)}, "zoom: expected the least factor first, found 1.2, 0.8"),
        ({"pan": math.nan}, "pan: expected 0..30, found nan"),
        ({"blur": (0.5, 20.0)}, "blur: expected 0..10, found 0.5 and 20"),
    ],
)
def test_choices_out_of_range_are_refused(choices: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Choices(**choices)  # type: ignore[arg-type]
