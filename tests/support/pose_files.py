"""Poses of any kind, for tests of files."""

from dataclasses import fields, replace
from typing import Any

import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.skeletons import AP10K_17, SKELETONS

TENSORS = [field.name for field in fields(Poses) if field.name not in ("canvas", "skeleton")]


def equal(one: Poses, other: Poses) -> None:
    """The same people, bit by bit, in as many places as are needed."""
    assert (one.canvas, one.skeleton, len(one)) == (other.canvas, other.skeleton, len(other))
    assert one.count.tolist() == other.count.tolist()
    for name in TENSORS:
        a, b = getattr(one, name), getattr(other, name)
        if name != "count":
            a, b = a[one.present], b[other.present]
        assert torch.equal(a, b), name


def as_openpose(poses: Poses) -> Poses:
    """A neck that is not seen is at (0, 0), too."""
    found = poses.as_openpose()
    found = found if poses.count.any() else found.body()  # nobody there to tell by
    return replace(found, keypoints=found.keypoints * (found.confidence > 0)[..., None])


PEOPLE = tuple(name for name in SKELETONS if name != AP10K_17.name)


@st.composite
def poses(draw: st.DrawFn, *, skeletons: tuple[str, ...] = PEOPLE) -> Poses:
    """Any poses in canonical form: joints that are not seen at (0, 0), scores falling."""
    frames, places = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    canvas = draw(st.tuples(st.integers(3, 2000), st.integers(3, 2000)))
    skeleton = draw(st.sampled_from(skeletons))
    count = torch.tensor(draw(st.lists(st.integers(0, places), min_size=frames, max_size=frames)))
    sure = draw(st.floats(0, 1))
    random = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    joints = len(SKELETONS[skeleton])
    sides = torch.tensor([canvas[1], canvas[0]])
    empty = Poses.empty(frames, canvas, people=places, skeleton=skeleton)
    here = torch.arange(places)[None] < count[:, None]

    def spots(*shape: int) -> torch.Tensor:
        """Also outside the canvas; in 1/1024 px."""
        values = torch.randn(*shape, 2, generator=random) * sides
        return (values * 1024).round() / 1024

    confidence = torch.rand(frames, places, joints, generator=random)
    confidence *= torch.rand(confidence.shape, generator=random) < sure
    keypoints = spots(frames, places, joints) * (confidence > 0)[..., None]
    scores = torch.rand(frames, places, generator=random).sort(descending=True).values
    tracks = torch.randint(-1, 2**60, (frames, places), generator=random)
    return Poses(
        keypoints=keypoints * here[..., None, None],
        confidence=confidence * here[..., None],
        boxes=spots(frames, places, 2).flatten(2) * here[..., None],
        scores=scores * here,
        track_ids=torch.where(here, tracks, empty.track_ids),
        count=count,
        canvas=canvas,
        skeleton=skeleton,
    )


EASY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def frame(*people: dict[str, Any], **canvas: int) -> dict[str, Any]:
    return {"people": list(people)} | (canvas or {"canvas_height": 464, "canvas_width": 832})


BOX = {"cx": 0.5, "cy": 0.5, "w": 0.25, "h": 0.5}


def detection(**more: Any) -> dict[str, Any]:
    return {"class_id": 0, "score": 0.5, "bbox": BOX} | more


def entry(image: str, *detections: dict[str, Any]) -> dict[str, Any]:
    return {"image": image, "detections": list(detections)}


BODY = {"pose_keypoints_2d": [0.0] * 54}


RESULT = {"image_id": 0, "category_id": 1, "keypoints": [1.0] * 51, "score": 0.5}


def points(*numbers: Any) -> list[dict[str, Any]]:
    """A frame with one body, the numbers repeated."""
    return [frame({"pose_keypoints_2d": list(numbers) * (54 // len(numbers))})]


def body(**more: Any) -> list[dict[str, Any]]:
    return [frame(BODY | more)]


def without(key: str) -> list[dict[str, Any]]:
    return [{k: v for k, v in RESULT.items() if k != key}]
