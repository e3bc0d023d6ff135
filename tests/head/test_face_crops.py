"""Crops of one person's face: their boxes, what they show, their gaps, and what is refused."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import InputError
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.head.crop_boxes import boxes_of_heads, boxes_of_poses, grown
from kinograph.engines.head.face_crops import face_crops
from kinograph.engines.head.heads import Heads
from kinograph.engines.head.landmarks_68 import landmarks_68
from kinograph.engines.pose.poses import Poses
from kinograph.nodes.head.crops import FaceCrops
from posed_heads import SIZE, turning_heads

HIGH, WIDE = SIZE
SETTINGS: dict[str, Any] = {"choose": "index", "person": 0, "area": 1.3}


def gradient(frames: int) -> Tensor:
    """Return frames [F,120,160,3] whose red is x and whose green is y of a pixel's middle, in
    parts of the sides; blue is the number of the frame in parts of the frames."""
    x, y = (torch.arange(WIDE) + 0.5) / WIDE, (torch.arange(HIGH) + 0.5) / HIGH
    number = torch.arange(frames)[:, None, None] / frames
    shape = (frames, HIGH, WIDE)
    parts = (x.expand(shape), y[:, None].expand(shape), number.expand(shape))
    return torch.stack(parts, -1)


def faces_at(
    places: Sequence[Sequence[tuple[float, float] | None]], tracks: Sequence[int] = (7, 3)
) -> Poses:
    """Return people with faces of 20x30 px, whose top left corners are given by frame and person;
    None hides a face, but not the person."""
    poses = Poses.empty(len(places), SIZE, people=len(tracks), skeleton="coco_wholebody_133")
    grid = torch.stack([torch.linspace(0, 20, 68), torch.linspace(0, 30, 68)], -1)
    for frame, people in enumerate(places):
        for person, corner in enumerate(people):
            if corner is not None:
                poses.keypoints[frame, person, 23:91] = grid + torch.tensor(corner)
                poses.confidence[frame, person, 23:91] = 0.8
    ids = torch.tensor(tracks).expand(len(places), -1).contiguous()
    count = torch.full((len(places),), len(tracks))
    return replace(poses, count=count, track_ids=ids, scores=torch.full(ids.shape, 0.9))


def test_boxes_grow_as_wan_animate_crops() -> None:
    """As get_face_bboxes of Wan-Animate's preprocessing, by hand: 40x60 px become 45.6x68.4."""
    (box,) = grown(torch.tensor([[100.0, 200.0, 140.0, 260.0]]), 1.3).tolist()
    assert box == pytest.approx([97.196, 193.692, 142.804, 262.103], abs=1e-3)
    heads = turning_heads(1)
    points = landmarks_68(heads.landmarks[0, 0, :, :2])
    (low_x, low_y), (high_x, high_y) = points.amin(0), points.amax(0)
    assert boxes_of_heads(heads, 1.0).boxes[0, 0].tolist() == pytest.approx(
        [float(side) for side in (low_x, low_y, high_x, high_y)]
    )
    bare = boxes_of_heads(replace(heads, landmarks=heads.landmarks[:, :, :0]), 1.0)
    assert torch.equal(bare.boxes[0, 1], heads.boxes[0, 1])


def test_boxes_end_at_the_frame_and_need_enough_of_a_face() -> None:
    poses = faces_at([[(-5.0, 100.0), (50.0, 50.0)], [(170.0, 50.0), (50.0, 50.0)]])
    poses.confidence[0, 1, 23 + 22 : 91] = 0  # 22 points are left
    poses.keypoints[1, 1, 40] = torch.nan
    faces = boxes_of_poses(poses, 1.3)
    assert faces.seen.tolist() == [[True, False], [False, False]], "beyond the frame, or broken"
    assert faces.boxes[0, 0, 0] == 0
    assert faces.boxes[0, 0, 3] == HIGH
    assert torch.equal(faces.boxes[~faces.seen], torch.zeros(3, 4))


def test_crops_show_what_is_in_the_boxes() -> None:
    """Pixels of a crop have the colour of its place in the frame, for 17 frames in batches."""
    frames = gradient(17)
    boxes = torch.tensor([[20.0, 30.0, 60.0, 90.0], [70.5, 8.25, 121.0, 40.0]]).repeat(9, 1)[:17]
    crops = face_crops(frames, boxes)
    assert crops.shape == (17, 512, 512, 3)
    some = torch.arange(0, 512, 73)  # of the pixels
    crops, part = crops[:, some][:, :, some], (some + 0.5) / 512
    x = boxes[:, :1] + part * (boxes[:, 2:3] - boxes[:, :1])
    y = boxes[:, 1:2] + part * (boxes[:, 3:] - boxes[:, 1:2])
    number = torch.arange(17)[:, None, None] / 17
    expected = (x[:, None] / WIDE, y[..., None] / HIGH, number)
    wanted = torch.stack([row.expand(crops.shape[:3]) for row in expected], -1)
    torch.testing.assert_close(crops, wanted, atol=2e-5, rtol=0)


def test_gaps_are_interpolated_then_held_and_said() -> None:
    """Of two people who swap their places in the list, the one of the track."""
    seen = {1: 10.0, 2: 12.0, 5: 30.0}
    poses = faces_at([[(100.0, 60.0), (seen[f], 40.0) if f in seen else None] for f in range(7)])
    swapped = {1, 5}
    order = torch.tensor([[1, 0] if f in swapped else [0, 1] for f in range(7)])
    at = torch.arange(7)[:, None], order
    poses = replace(
        poses,
        keypoints=poses.keypoints[at],
        confidence=poses.confidence[at],
        track_ids=poses.track_ids[at],
    )
    chosen = {**SETTINGS, "choose": "track", "person": 3, "area": 1.0}
    output = FaceCrops.execute(gradient(7), **chosen, poses=poses)
    crops, boxes, mask = output.args
    assert [len(row) for row in boxes] == [1] * 7
    assert [row[0]["x"] for row in boxes] == pytest.approx([10, 10, 12, 18, 24, 30, 30])
    assert {(row[0]["width"], row[0]["height"], row[0]["label"]) for row in boxes} == {
        (20.0, 30.0, "face")
    }
    middles = crops[:, 256, 256, 0] * WIDE
    assert middles.tolist() == pytest.approx([20, 20, 22, 28, 34, 40, 40], abs=0.05)
    assert crops[:, 256, 256, 2].tolist() == pytest.approx([f / 7 for f in range(7)]), "no shift"
    assert mask.sum((1, 2)).tolist() == [600] * 7
    assert mask[3, 40:70, 18:38].all()
    assert output.ui.value.splitlines()[0] == (
        "the face of track 3, seen in 3 of 7 frames; boxes of 20x30 to 20x30 px"
    )
    *gaps, small = output.ui.warnings
    assert small.startswith("the face is small: the crops enlarge 30 px to 512")
    assert gaps == [
        "no face in frame 0: the box of frame 1 is held",
        "no face in frames 3-4: the boxes between are interpolated",
        "no face in frame 6: the box of frame 5 is held",
    ]
    often = FaceCrops.execute(gradient(7), **{**SETTINGS, "area": 1.0}, poses=poses)
    assert "track 7, seen in 7 of 7 frames" in often.ui.value
    assert often.ui.warnings == (small,)


def test_a_single_frame_and_a_face_without_a_track() -> None:
    heads = turning_heads(1, tracks=False)
    alone = replace(heads, count=torch.ones(1, dtype=torch.int64))
    bare = replace(alone, landmarks=heads.landmarks[:, :, :0])
    output = FaceCrops.execute(gradient(1), **SETTINGS, heads=bare)
    assert output.args[0].shape == (1, 512, 512, 3)
    assert output.ui.value.startswith("the only face, seen in 1 of 1 frames")
    assert output.ui.warnings[-1:] == (
        "heads: they have no landmarks; the crops follow from their boxes",
    )


TURNING = turning_heads(3)
NOBODY = Heads.empty(3, SIZE, Camera.of_field_of_view(SIZE))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "heads, poses: expected one of them, found neither; connect one"),
        ({"heads": TURNING, "poses": Poses.empty(3, SIZE)}, "found both; disconnect one"),
        ({"heads": NOBODY}, "heads: no face is seen in any of 3 frames"),
        ({"poses": faces_at([[None], [None], [None]], (1,))}, "poses: no face is seen in any of 3"),
        ({"poses": Poses.empty(3, SIZE)}, "found coco_17; put Add Hands and Face before"),
        ({"poses": Poses.empty(3, SIZE, skeleton="ap10k_17")}, "poses: expected people"),
        ({"heads": TURNING.slice(0, 2)}, "heads: found in 2 frames of 160x120, but image holds 3"),
        ({"heads": TURNING, "image": gradient(3)[:, :60]}, "image holds 3 of 160x60"),
        ({"heads": TURNING, "image": gradient(3) * torch.nan}, "image: the pixels hold NaN"),
        ({"heads": turning_heads(3, tracks=False)}, "put Track Heads before this node"),
        ({"heads": TURNING, "person": 2}, "an index from 0 to 1, found 2; 2 people show faces"),
        ({"heads": TURNING, "person": 5, "choose": "track"}, "one of the tracks 1 and 2"),
        ({"heads": TURNING, "area": float("nan")}, "area: expected at least 1, found nan"),
        ({"heads": TURNING, "choose": "name"}, "choose: expected one of index, track, found"),
        (
            {"poses": faces_at([[(5.0, 5.0)]] * 3, (-1,)), "person": 4, "choose": "track"},
            "there are no tracks, so there is no track 4; choose by index",
        ),
    ],
)
def test_what_cannot_be_cropped(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        FaceCrops.execute(**{"image": gradient(3), **SETTINGS, **given})
