"""Finding people in real footage, and what is said of footage that cannot be used."""

import math

import pytest
import torch

from kinograph.engines.errors import EngineError, InputError
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.pose.skeletons import COCO_17
from kinograph.engines.runtime.engine import Engine
from kinograph.engines.video.clip import Clip

# Read off the shipped clip by eye: one person, and from frame 9 on a second one.
PEOPLE = [1] * 9 + [2] * 24


def test_everybody_in_the_shipped_clip_is_found(clip: Clip, engine: Engine) -> None:
    poses = detect_poses(clip.frames, engine)
    assert poses.count.tolist() == PEOPLE
    assert poses.canvas == (464, 832)
    man = poses.keypoints[0, 0]
    nose, left_wrist, right_ankle = (
        man[COCO_17.joints.index(j)].tolist() for j in ("nose", "left_wrist", "right_ankle")
    )
    # Frame 0, measured on the picture: arms up, on top of the box.
    assert math.dist(nose, (299, 50)) < 10
    assert math.dist(left_wrist, (337, 25)) < 14
    assert math.dist(right_ankle, (252, 205)) < 14


def test_empty_places_are_zero(clip: Clip, engine: Engine) -> None:
    poses = detect_poses(clip.frames[:3], engine, max_people=4)
    assert poses.keypoints.shape == (3, 4, 17, 2)
    assert poses.count.tolist() == [1, 1, 1]
    for values in (poses.keypoints, poses.confidence, poses.boxes, poses.scores):
        assert not values[:, 1:].any()


def test_a_batch_equals_its_singles(clip: Clip, engine: Engine) -> None:
    frames = clip.frames[12:20]
    together = detect_poses(frames, engine, size=256)
    for i in range(len(frames)):
        single = detect_poses(frames[i : i + 1], engine, size=256)
        torch.testing.assert_close(together.keypoints[i], single.keypoints[0], rtol=0, atol=1e-2)
        torch.testing.assert_close(together.scores[i], single.scores[0], rtol=0, atol=1e-4)


def test_mirroring_the_frames_mirrors_the_poses(clip: Clip, engine: Engine) -> None:
    frames = clip.frames[::8]
    straight = detect_poses(frames, engine, size=640)
    mirrored = detect_poses(frames.flip(2), engine, size=640)
    assert straight.count.tolist() == mirrored.count.tolist()
    flip = list(COCO_17.flip)
    for f in range(len(frames)):
        here = slice(0, int(straight.count[f]))
        back = mirrored.keypoints[f, here][:, flip].clone()
        back[..., 0] = 832 - back[..., 0]
        # people may have changed places in the ranking
        order = back.mean(1)[:, 0].argsort()
        own = straight.keypoints[f, here].mean(1)[:, 0].argsort()
        both = (straight.confidence[f, here][own] > 0) & (
            mirrored.confidence[f, here][order][:, flip] > 0
        )
        distance = (straight.keypoints[f, here][own] - back[order]).norm(dim=-1)[both]
        # The network itself is not exactly symmetric: its cells are 5 px of the frame.
        assert float(distance.median()) < 4


def test_thresholds(clip: Clip, engine: Engine) -> None:
    frames = clip.frames[16:17]
    strict = detect_poses(frames, engine, score_threshold=0.99)
    assert strict.count.tolist() == [0]
    assert not strict.scores.any()
    seen = [
        int((detect_poses(frames, engine, keypoint_threshold=t).confidence > 0).sum())
        for t in (0.0, 0.3, 0.8, 1.0)
    ]
    assert seen == sorted(seen, reverse=True)
    assert seen[0] == 34
    assert seen[-1] == 0
    assert detect_poses(frames, engine, max_people=1).count.tolist() == [1]


def test_nobody_is_not_an_error(engine: Engine) -> None:
    poses = detect_poses(torch.zeros(5, 100, 60, 3), engine)
    assert poses.count.tolist() == [0] * 5


@pytest.mark.parametrize("shape", [(1, 1), (17, 4), (33, 333), (1080, 1920), (500, 40)])
def test_every_size_is_accepted(engine: Engine, shape: tuple[int, int]) -> None:
    poses = detect_poses(torch.rand(1, *shape, 3), engine, size=128)
    assert poses.canvas == shape
    limit = torch.tensor([shape[1], shape[0]] * 2)
    assert bool(((poses.boxes >= 0) & (poses.boxes <= limit)).all())


def test_progress_counts_every_frame(clip: Clip, engine: Engine) -> None:
    done: list[int] = []
    detect_poses(clip.frames[:7], engine, size=128, progress=done.append)
    assert sum(done) == 7


_FRAME = torch.zeros(1, 64, 64, 3)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.zeros(64, 64, 3), r"image: expected images of shape .* found \[64, 64, 3\]"),
        (torch.zeros(0, 64, 64, 3), "image: no frames"),
        (torch.zeros(1, 0, 64, 3), "image: expected images with pixels, found 64x0"),
        (torch.zeros(1, 64, 64, 4), "found 4 .*Split Image with Alpha"),
        (torch.zeros(1, 64, 64, 1), "expected 3 channels .* found 1; turn grey images"),
        (torch.full_like(_FRAME, math.nan), "NaN"),
        (torch.full_like(_FRAME, math.inf), "NaN or infinity"),
        (torch.full_like(_FRAME, 255.0), r"expected pixels in 0..1, found 255..255; divide by 255"),
        (torch.full_like(_FRAME, -1.0), r"found -1..-1; map -1..1 to 0..1"),
        (torch.zeros(1, 64, 64, 3, dtype=torch.uint8), "torch.uint8; divide 8-bit values by 255"),
    ],
)
def test_unusable_frames(engine: Engine, image: torch.Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        detect_poses(image, engine)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"score_threshold": 1.5}, InputError, "score_threshold: expected 0..1, found 1.5"),
        ({"keypoint_threshold": -1}, InputError, "keypoint_threshold: expected 0..1, found -1"),
        ({"max_people": 0}, InputError, "max_people: expected at least 1, found 0"),
        ({"size": 2048}, EngineError, "built for a detection size of 128 to 1024, found 2048"),
        ({"size": 130}, InputError, "multiple of 32, found 130; try 128"),
    ],
)
def test_unusable_settings(
    engine: Engine, options: dict[str, float], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        detect_poses(_FRAME, engine, **options)


def test_overshoot_of_resampling_is_no_error(clip: Clip, engine: Engine) -> None:
    """Values a little outside of 0..1 are clamped."""
    overshot = clip.frames[12:14] * 1.1 - 0.05
    assert float(overshot.min()) < 0
    assert float(overshot.max()) > 1
    found, wanted = detect_poses(overshot, engine), detect_poses(overshot.clamp(0, 1), engine)
    assert found.count.tolist() == wanted.count.tolist() == [2, 2]
    torch.testing.assert_close(found.keypoints, wanted.keypoints, rtol=0, atol=1)
    for flat in (_FRAME + 1.05, _FRAME - 0.05):
        assert detect_poses(flat, engine).count.tolist() == [0]
