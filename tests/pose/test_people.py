"""Whom to keep, on which canvas, with whose limbs, and looking twice."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from kinograph.engines.detections.bounding_boxes import from_bounding_boxes, to_bounding_boxes
from kinograph.engines.errors import InputError
from kinograph.engines.models.registry import resolve
from kinograph.engines.pose import second_pass
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.pose.families import movenet
from kinograph.engines.pose.family import PoseCandidates
from kinograph.engines.pose.files.pose_keypoint import to_pose_keypoint
from kinograph.engines.pose.filters import filter_people, parse_tracks, without_parts
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.retarget import onto_canvas
from kinograph.engines.pose.size import looks_for
from kinograph.engines.pose.skeletons import WHOLEBODY_133
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of
from kinograph.engines.video.clip import Clip
from kinograph.nodes.pose.filter import FilterPoses


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ({}, [0, 1, 2]),
        ({"tracks": [range(2, 3), range(0, 1)]}, [0, 2]),
        ({"tracks": [range(7, 999999999)]}, []),
        ({"min_height": 0.1}, [0, 1]),
        ({"max_height": 0.2}, [1, 2]),
        ({"min_height": 0.1, "max_height": 0.2}, [1]),
        ({"most": 1}, [0]),
        ({"most": 2, "tracks": [range(1, 3)]}, [1, 2]),
        ({"most": 1, "max_height": 0.2}, [1]),
    ],
)
def test_who_is_kept(three: Poses, asked: dict[str, object], kept: list[int]) -> None:
    left = filter_people(three, **asked)
    assert left.count.tolist() == [len(kept)] * 4
    for frame in range(4):
        assert left.track_ids[frame].tolist() == kept + [-1] * (3 - len(kept))
        places = [three.track_ids[frame].tolist().index(track) for track in kept]
        assert torch.equal(left.keypoints[frame, : len(kept)], three.keypoints[frame, places])
    assert not left.keypoints[:, len(kept) :].any()


def test_who_is_in_the_region(three: Poses) -> None:
    region = torch.zeros(4, 48, 80)
    region[:, :, 30:50] = 1  # the middle
    region[2] = 0
    left = filter_people(three, region=region)
    assert left.count.tolist() == [1, 1, 0, 1]
    assert left.track_ids[[0, 1, 3], 0].tolist() == [1, 1, 1]
    assert filter_people(three, region=region[:1]).count.tolist() == [1] * 4


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"min_height": 0.5, "max_height": 0.2}, "expected 0 <= min_height <= max_height <= 1"),
        ({"most": -1}, "most: expected at least 0"),
        ({"region": torch.zeros(3, 8, 8)}, "every one of 4 frames, or one for all"),
        ({"region": torch.zeros(1, 0, 8)}, "region: the mask is empty"),
    ],
)
def test_unusable_filters(three: Poses, asked: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        filter_people(three, **asked)


@pytest.mark.parametrize("parts", [("hands",), ("face",), ("feet", "hands"), ()])
def test_parts_are_left_out_of_the_data(
    people: Callable[..., Poses], parts: tuple[str, ...]
) -> None:
    poses = people(whole=True)
    left = without_parts(poses, parts)
    gone = {"hands": ("left_hand", "right_hand")}
    names = {name for part in parts for name in gone.get(part, (part,))}
    for name, place in WHOLEBODY_133.parts.items():
        kept = name not in names
        assert bool((left.confidence[:, :, place] > 0).all()) == kept
        assert torch.equal(left.keypoints[:, :, place], poses.keypoints[:, :, place] * kept)
    assert torch.equal(left.boxes, poses.boxes)


def test_without_all_parts_the_body_is_left(people: Callable[..., Poses]) -> None:
    left = without_parts(people(whole=True), ("hands", "face", "feet"))
    assert left.skeleton == "coco_17"
    person = to_pose_keypoint(left)[0]["people"][0]
    assert not any(person["face_keypoints_2d"])
    assert "face_confidence" not in person
    body = people()
    for parts in (("hands",), ("hands", "face", "feet")):
        assert torch.equal(without_parts(body, parts).keypoints, body.keypoints)
    with pytest.raises(InputError, match="parts: expected some of hands, face, feet, found 'tail'"):
        without_parts(body, ["tail"])


def test_the_node_leaves_parts_out(people: Callable[..., Poses]) -> None:
    output = FilterPoses.execute(people(whole=True), "", 0.0, 1.0, 0, hands=False, face=False)
    assert not bool(output.args[0].confidence[:, :, WHOLEBODY_133.parts["face"]].any())
    assert output.ui.value == "8 of 8 poses kept, without hands and face"


@pytest.mark.parametrize(
    ("text", "tracks"),
    [
        ("", None),
        ("  ", None),
        ("3", [range(3, 4)]),
        (" 0, 2 - 4,9 ", [range(1), range(2, 5), range(9, 10)]),
        ("5-5", [range(5, 6)]),
        ("0，2、4", [range(1), range(2, 3), range(4, 5)]),
    ],
)
def test_tracks_as_text(text: str, tracks: list[range] | None) -> None:
    assert parse_tracks(text) == tracks


@pytest.mark.parametrize(
    "text", ["a", "1-", "-2", "1;2", "1.5", "4-2", ",", "1,,2", "1 2", "\u00b2", "9" * 20]
)
def test_text_that_is_no_tracks(text: str) -> None:
    with pytest.raises(InputError, match="tracks: expected numbers and ranges"):
        parse_tracks(text)


@pytest.mark.parametrize(
    ("fit", "point"),
    [
        ("stretch", (200, 100)),
        ("letterbox", (200, 100 * 400 / 832 + (480 - 480 * 400 / 832) / 2)),
        ("crop", (200, 100)),
    ],
)
def test_another_canvas(three: Poses, fit: str, point: tuple[float, float]) -> None:
    three.keypoints[0, 0, 0] = torch.tensor([416.0, 100.0])  # of 832x480
    three.boxes[0, 0, :2] = torch.tensor([416.0, 100.0])
    moved = onto_canvas(three, (480, 400), fit)
    assert moved.canvas == (480, 400)
    assert tuple(moved.keypoints[0, 0, 0].tolist()) == pytest.approx(point, abs=0.01)
    assert tuple(moved.boxes[0, 0, :2].tolist()) == pytest.approx(point, abs=0.01)


def test_boxes_of_other_packs(three: Poses) -> None:
    boxes = to_bounding_boxes(three, "person")
    people = Poses.from_detections(from_bounding_boxes(boxes, 4, three.canvas))
    torch.testing.assert_close(people.boxes, three.boxes)
    torch.testing.assert_close(people.scores, three.scores)
    assert from_bounding_boxes(boxes[0], 1, three.canvas).count.tolist() == [3]
    assert from_bounding_boxes(boxes[0][0], 1, three.canvas).count.tolist() == [1]
    assert from_bounding_boxes([[], []], 2, three.canvas).count.tolist() == [0, 0]
    assert from_bounding_boxes([], 1, three.canvas).count.tolist() == [0]


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ("no", "expected a list of boxes for each frame, found str"),
        ([[], []], "expected boxes for 1 frame, found them for 2"),
        ([[3]], r"bounding_box\[0\]\[0\]: expected x, y, width, height, found int"),
        ([[{"x": 1, "y": "2"}]], r"bounding_box\[0\]\[0\].y: expected a number of pixels"),
        ([[{"x": 1, "y": 2, "width": 0, "height": 3}]], "a box of some size, found 0x3"),
        ([None], r"bounding_box\[0\]: expected a list of boxes, found NoneType"),
        ([[{"x": 1, "y": 2, "width": 2, "height": float("inf")}]], "height: expected a number"),
        ([[{"x": 1, "y": 2, "width": 2, "height": 3, "score": "a"}]], "score: expected a number"),
        ([[{"x": 1, "y": 2, "width": 2, "height": 3, "score": 7}]], "in 0..1, found 7"),
    ],
)
def test_unusable_boxes(boxes: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_bounding_boxes(boxes, 1, (10, 10))


def test_the_size_follows_the_people(clip: Clip, engine: Engine) -> None:
    assert looks_for(clip.frames, engine).size == 448
    assert looks_for(clip.frames[:1], engine).size in (384, 448)
    close = clip.frames[:4, 20:220, 220:400]  # the man fills it
    assert looks_for(close, engine).size == 256
    assert looks_for(torch.zeros(2, 90, 160, 3), engine).size == 512


def test_a_second_look_is_the_better_one(clip: Clip, engine: Engine) -> None:
    frames = clip.frames[::8, :300, 150:500]  # the man
    first = detect_poses(frames, engine, size=192)
    second = detect_poses(frames, engine, size=192, second_pass=True)
    best = detect_poses(frames, engine, size=288)
    assert second.count.tolist() == first.count.tolist()
    assert torch.equal(second.boxes, first.boxes)

    def away(poses: Poses) -> float:
        both = (poses.confidence[:, 0] > 0) & (best.confidence[:, 0] > 0)
        return float((poses.keypoints - best.keypoints)[:, 0].norm(dim=-1)[both].mean())

    assert away(second) < 0.8 * away(first)


@pytest.mark.parametrize(
    ("sizes", "crop"), [((128, 160), 160), ((250, 512), 256), ((128, 512), 192)]
)
def test_the_second_look_fits_the_engine(
    clip: Clip, sizes: tuple[int, int], crop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = resolve("movenet_multipose")
    small = build_engine(
        model, network_of(model), backend="torch", device="cpu", precision="fp32", sizes=sizes
    )
    small.sizes = sizes  # narrower than what is built
    asked: list[int] = []
    infer = small.infer
    monkeypatch.setattr(
        small, "infer", lambda images: (asked.append(images.shape[2]), infer(images))[1]
    )
    frames = clip.frames[:1, :232, 180:420]
    assert detect_poses(frames, small, size=sizes[1], second_pass=True).count.tolist() == [1]
    assert asked[-1] == crop


def test_looking_twice_at_nobody(engine: Engine) -> None:
    poses = detect_poses(torch.zeros(3, 90, 160, 3), engine, second_pass=True)
    assert poses.count.tolist() == [0, 0, 0]


def test_a_second_look_that_finds_nobody_keeps_the_first(
    clip: Clip, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = clip.frames[:3]
    first = detect_poses(frames, engine, size=448)
    shapes = {"keypoints": (17, 2), "confidence": (17,), "boxes": (4,), "scores": ()}
    empty = PoseCandidates(**{name: torch.zeros(3, 0, *rest) for name, rest in shapes.items()})
    blind = replace(movenet.FAMILY.head, decode=lambda outputs, frames, above: empty)
    monkeypatch.setattr(second_pass, "one_stage", lambda model: blind)
    again = second_pass.refined_in_crops(frames, first, engine)
    assert torch.equal(again.keypoints, first.keypoints)
