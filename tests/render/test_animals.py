"""Animals are drawn as ControlNet's animal openpose takes them."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.skeletons import AP10K_17
from kinograph.engines.render.skeleton import draw_skeletons
from kinograph.engines.render.styles import STYLES
from kinograph.nodes.render.skeleton import DrawSkeleton

# A dog from the side, looking to the left, in 256x192.
DOG = torch.tensor(
    [
        *([52.0, 58], [58, 56], [40, 70], [86, 82], [200, 84]),
        *([92, 110], [88, 140], [84, 172], [104, 108], [108, 138], [104, 168]),
        *([190, 112], [204, 142], [196, 174], [178, 110], [180, 142], [170, 168]),
    ]
)


@pytest.fixture
def dog() -> Poses:
    poses = Poses.empty(1, (192, 256), skeleton=AP10K_17.name)
    poses.keypoints[0, 0] = DOG
    poses.confidence[:] = 0.9
    poses.scores[:] = 0.9
    poses.count[:] = 1
    return poses


def test_a_dog(dog: Poses, golden: Callable[[str, Tensor], None]) -> None:
    golden("animal", draw_skeletons(dog)[0][0])


def test_every_style_draws_animals_alike(dog: Poses) -> None:
    images = [draw_skeletons(dog, style=style)[0] for style in STYLES]
    assert all(torch.equal(image, images[0]) for image in images[1:])


@pytest.mark.parametrize("joint", [2, 9])
def test_limbs_of_joints_that_are_not_seen_are_left_out(dog: Poses, joint: int) -> None:
    dog.confidence[0, 0, joint] = 0
    x, y = DOG[joint].long().tolist()
    assert not bool(draw_skeletons(dog)[1][0, y - 1 : y + 2, x - 1 : x + 2].any())


def test_a_limb_is_five_pixels_wide_and_has_its_colour(dog: Poses) -> None:
    image, mask = draw_skeletons(dog, antialias=False)
    column = mask[0, 75:95, 150]  # the back, which is nearly level
    assert int(column.sum()) in (5, 6)
    assert torch.equal(image[0, 83, 150], torch.tensor([1.0, 0.0, 1.0]))


def test_the_node_says_that_they_are_animals(dog: Poses) -> None:
    widgets = {s.id: s.default for s in DrawSkeleton.define_schema().inputs if s.is_widget}
    shown = DrawSkeleton.execute(dog, **widgets).ui
    assert shown.value == "1 frame of 256x192; animals are drawn alike in every style"
