"""Suppression of doubles: made candidates whose right answers are known."""

import pytest
import torch
from torchvision.ops import nms

from kinograph.engines.detections.candidates import Candidates


def candidates(boxes: list[list[list[float]]], scores: list[list[float]]) -> Candidates:
    at, sure = torch.tensor(boxes).view(len(scores), -1, 4), torch.tensor(scores)
    return Candidates(boxes=at, scores=sure)


@pytest.mark.parametrize(
    ("boxes", "scores", "wanted"),
    [
        # the surer one stays, wherever it stands; what is apart stays
        ([[[0, 0, 10, 10], [1, 0, 11, 10], [50, 0, 60, 10]]], [[0.5, 0.9, 0.4]], [[0, 0.9, 0.4]]),
        # the same box in two frames
        ([[[0, 0, 10, 10]], [[0, 0, 10, 10]]], [[0.5], [0.9]], [[0.5], [0.9]]),
        # what one frame ends with must not meet what the next begins with
        ([[[90, 0, 100, 10]], [[-10, 0, 0, 10]]], [[0.5], [0.9]], [[0.5], [0.9]]),
        ([[[0, 0, 10, 10]], [[-11, -11, -1, -1]]], [[0.5], [0.9]], [[0.5], [0.9]]),
        # unsure ones go, and suppress nobody
        ([[[0, 0, 10, 10], [1, 0, 11, 10]]], [[0.1, 0.05]], [[0, 0]]),
        # as much as allowed: IoU 1/3
        ([[[0, 0, 10, 10], [5, 0, 15, 10]]], [[0.5, 0.9]], [[0.5, 0.9]]),
    ],
)
def test_doubles_go(
    boxes: list[list[list[float]]], scores: list[list[float]], wanted: list[list[float]]
) -> None:
    found = candidates(boxes, scores).suppressed(above=0.1, overlap=0.45)
    torch.testing.assert_close(found.scores, torch.tensor(wanted, dtype=torch.float32))


def test_no_candidates_at_all() -> None:
    found = candidates([[], []], [[], []]).suppressed(above=0.1, overlap=0.45)
    assert found.scores.shape == (2, 0)


@pytest.mark.parametrize("seed", range(5))
def test_doubles_of_many_frames_go_as_of_each(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    low = torch.rand(6, 40, 2, generator=random) * 300 - 100
    boxes = torch.cat([low, low + torch.rand(6, 40, 2, generator=random) * 150], 2)
    scores = torch.rand(6, 40, generator=random)
    found = Candidates(boxes=boxes, scores=scores).suppressed(above=0.2, overlap=0.45)
    for frame in range(6):
        sure = (scores[frame] > 0.2).nonzero()[:, 0]
        kept = sure[nms(boxes[frame, sure], scores[frame, sure], 0.45)]
        wanted = torch.zeros(40).index_put((kept,), scores[frame, kept])
        assert torch.equal(found.scores[frame], wanted)
