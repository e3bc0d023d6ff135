"""What Masks of People gives other nodes: its forms, its texts, and what it warns of."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import InputError
from kinograph.engines.pose.poses import Poses
from kinograph.engines.render.people_masks.choices import PALETTE, background_of
from kinograph.engines.render.people_masks.labels import CODES, Labels
from kinograph.engines.render.people_masks.sam3 import track_data
from kinograph.nodes.api import io
from kinograph.nodes.render.people_masks import PeopleMasks
from masked_people import CANVAS, walking

SETTINGS: dict[str, Any] = {
    **{"tracks": "", "margin": 0.0, "grow": 0, "feather": 0, "hold": 0, "in_front": "size"},
    **{"mode": "animation", "picture": "driving", "width": 0, "height": 0, "fit": "stretch"},
}


def run(**given: Any) -> io.NodeOutput:
    return PeopleMasks.execute(**{**SETTINGS, **given})


def unpacked(packed: Tensor) -> Tensor:
    """As comfy.ldm.sam3.tracker.unpack_masks of ComfyUI 0.33."""
    bits = torch.tensor([1, 2, 4, 8, 16, 32, 64, 128], dtype=torch.uint8)
    return (packed.unsqueeze(-1) & bits).bool().view(*packed.shape[:-1], -1)


def read_back(data: dict[str, Any], size: tuple[int, int]) -> Tensor:
    """Masks [T,N,H,W] as SCAIL2ColoredMask reads them: unpacked, then by the nearest pixel."""
    masks = unpacked(data["packed_masks"]).float()
    return torch.nn.functional.interpolate(masks, size=size, mode="nearest") > 0.5


SEVEN = tuple((20.0 + 45 * n, 0.0) for n in range(7))


def seven(frames: int = 2) -> Poses:
    return walking(*SEVEN, frames=frames, ids=(9, 8, 7, 6, 5, 4, 3), scale=0.5)


def test_two_people_in_every_form() -> None:
    present = torch.ones(5, 2, dtype=torch.bool)
    present[:2, 0] = False
    output = run(poses=walking((80.0, 0.0), (220.0, 0.0), frames=5, present=present))
    mask, coloured, one, two, initial, points, data = output.args
    assert mask.shape == (5, *CANVAS)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(one, mask[:1])
    assert torch.equal(two[0], mask[2] - mask[0])
    assert torch.equal(initial, mask[:1])
    assert data["n_frames"] == 5
    assert data["orig_size"] == CANVAS
    assert data["scores"] == [1.0, 1.0]
    read = read_back(data, CANVAS)
    assert torch.equal(read.any(1).float(), mask)
    assert torch.equal(coloured[..., 2], read[:, 0].float())
    assert torch.equal(coloured[..., 0], read[:, 1].float())
    (point,) = json.loads(points)
    assert mask[0, point["y"], point["x"]] == 1
    assert abs(point["x"] - 220) < 6
    assert output.ui.value == (
        "2 people in 5 frames of 320x240: track 3 (blue, 5 frames) and track 7 (red, 3 frames)\n"
        "mask_1 is of frame 0, mask_2 of frame 2"
    )
    assert not output.ui.warnings


@pytest.mark.parametrize(
    ("mode", "picture", "background"),
    [
        ("animation", "driving", 0.0),
        ("animation", "reference", 1.0),
        ("replacement", "driving", 1.0),
        ("replacement", "reference", 0.0),
    ],
)
def test_colours_are_exact_on_the_background_of_the_mode(
    mode: str, picture: str, background: float
) -> None:
    poses = seven()
    coloured = run(poses=poses, mode=mode, picture=picture).args[1]
    assert background_of(mode, picture) == background
    assert set(coloured.unique().tolist()) == {0.0, 1.0}
    middles = poses.keypoints[0, :, [5, 6, 11, 12]].mean(1).long()
    found = [tuple(coloured[0, y, x].tolist()) for x, y in middles.tolist()]
    assert found == [*(tuple(map(float, c)) for c in PALETTE), (background,) * 3]
    assert coloured[1, 0, 0].tolist() == [background] * 3


def test_more_people_than_colours_are_said() -> None:
    output = run(poses=seven())
    (said,) = output.ui.warnings
    assert said.startswith("coloured: 7 people, but SCAIL-2 has 6 colours; those after the first 6")
    named = run(poses=seven(), tracks="3,4")
    assert not named.ui.warnings
    assert named.args[6]["packed_masks"].shape[1] == 2
    assert len(named.args[4]) == 2
    assert torch.equal(named.args[1].amax(-1), named.args[0])


@pytest.mark.parametrize("width", [64, 65, 71, 79, 1, 7])
def test_every_column_comes_back_from_track_data(width: int) -> None:
    made = torch.Generator().manual_seed(width)
    codes = torch.randint(0, 3, (9, 6, width), generator=made, dtype=torch.uint8)
    number = torch.zeros(9, CODES, dtype=torch.int64)
    number[:5, 1:3] = torch.tensor([1, 2])
    number[5:, 1:3] = torch.tensor([2, 1])
    data = track_data(Labels(codes, number), 2)
    assert data["packed_masks"].shape == (9, 2, 6, -(-width // 8))
    read = read_back(data, (6, width))
    assert torch.equal(read[:5, 0], codes[:5] == 1)
    assert torch.equal(read[5:, 0], codes[5:] == 2)
    assert torch.equal(read[5:, 1], codes[5:] == 1)
    assert track_data(Labels(codes, number), 0)["packed_masks"] is None


def test_many_people_in_a_frame() -> None:
    """More codes than the bits of a number."""
    codes = torch.arange(200, dtype=torch.uint8).view(1, 10, 20)
    number = torch.zeros(1, CODES, dtype=torch.int64)
    number[0, 1:200:2] = torch.arange(1, 101)
    mask = Labels(codes, number).mask()
    assert torch.equal(mask[0], (codes[0] % 2).float())


def test_feather_softens_the_mask_alone() -> None:
    hard, soft = (run(poses=walking((100.0, 0.0), frames=2), feather=f) for f in (0, 8))
    assert ((soft.args[0] > 0) & (soft.args[0] < 1)).any()
    for place in (1, 2, 3, 4):
        assert torch.equal(hard.args[place], soft.args[place])


def test_the_size_of_the_generation() -> None:
    output = run(poses=walking((100.0, 0.0), frames=1), width=160)
    assert output.args[0].shape == (1, 120, 160)
    assert output.args[1].shape == (1, 120, 160, 3)
    assert output.args[6]["orig_size"] == (120, 160)
    assert output.ui.value.endswith("mask_1 is of frame 0, mask_2 is empty")


def test_a_cut_ends_what_is_held() -> None:
    present = torch.tensor([[True], [True], [False], [False]])
    poses = walking((100.0, 0.0), frames=4, present=present)
    image = torch.zeros(4, *CANVAS, 3)
    image[3] = torch.rand(CANVAS[0], CANVAS[1], 3, generator=torch.Generator().manual_seed(0))
    output = run(poses=poses, hold=4, image=image)
    assert output.args[0].flatten(1).any(1).tolist() == [True, True, True, False]
    assert "1 cut, at frame 3: no mask is held across" in output.ui.value
    with pytest.raises(InputError, match="image: expected the 4 frames of the poses, found 3"):
        run(poses=poses, image=image[:3])


NOBODY = Poses.empty(3, CANVAS)
LATE = torch.tensor([[False], [True], [True]])


@pytest.mark.parametrize(
    ("given", "warning"),
    [
        ({"poses": NOBODY}, "no frame contains people; all masks are empty"),
        (
            {"poses": walking((90.0, 0.0), frames=3), "tracks": "1-2"},
            "tracks: nobody of them is seen, so that all masks are empty; expected some of the "
            "tracks 7",
        ),
        (
            {"poses": walking((90.0, 0.0), (200.0, 0.0), frames=3), "tracks": "3, 12"},
            "tracks: nobody of 12 is seen; there are the tracks 3 and 7",
        ),
        (
            {"poses": walking((90.0, 0.0), frames=3, present=LATE)},
            "initial_mask and points are empty, as nobody is seen in frame 0; begin the clip at "
            "frame 1",
        ),
    ],
)
def test_what_is_empty_is_said(given: dict[str, Any], warning: str) -> None:
    output = run(**given)
    assert output.ui.warnings == (warning,)
    for mask in output.args[2:5]:
        assert mask.shape == (1, *CANVAS)
    assert output.args[1].shape == (3, *CANVAS, 3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Masks of People: expected poses, heads or bodies, found none of them"),
        ({"poses": seven(), "tracks": "a"}, "tracks: expected numbers and ranges such as 0,2-4"),
        (
            {"poses": replace(seven(), track_ids=torch.full((2, 7), -1))},
            "poses: expected people with tracks where there are several; put Track Poses before",
        ),
    ],
)
def test_what_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(**given)
