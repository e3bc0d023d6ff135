"""The report on motion tracks: its truth, and what it tells apart."""

import pytest
import torch

from kinograph.engines.datasets.made_flow import make, true_tracks
from kinograph.engines.errors import InputError
from kinograph.engines.evaluation.tracks import Traced, evaluate_tracks, figures_of
from kinograph.engines.flow.flow import Flow
from kinograph.engines.motion_tracks.follow import Followed, follow
from kinograph.engines.motion_tracks.points import spread_points

SIZE = (64, 80)


def test_the_truth_is_the_way_along_the_true_flow() -> None:
    start = spread_points(SIZE, 60)
    _, truth = make("affine", size=SIZE, frames=6)
    path, shown = true_tracks("affine", size=SIZE, frames=6, points=start)
    along, alive, _ = follow(Followed.start(start), Flow(truth.flow))
    assert torch.equal(path[0], start)
    both = shown[1:] & alive
    assert both.sum() > 150
    assert (path[1:] - along)[both].norm(dim=-1).max() < 0.01
    # a layer in front hides what it passes over
    _, shown = true_tracks("layers_fast", size=SIZE, frames=2, points=start)
    assert 0 < (~shown[1]).sum() < len(start)


def test_figures() -> None:
    true = Traced(torch.zeros(2, 4, 2), torch.tensor([[True] * 4, [True, True, True, False]]))
    places = torch.zeros(2, 4, 2)
    places[1, :, 0] = torch.tensor([1.0, 5.0, 0.0, 9.0])
    found = Traced(places, torch.tensor([[True] * 4, [True, True, False, True]]))
    assert figures_of(found, true, 1) == {
        "points": 3,
        "epe": 3.0,
        "survival": pytest.approx(1 / 3),
        "wrong": pytest.approx(1 / 3),
    }


def test_both_methods_follow_made_footage() -> None:
    report = evaluate_tracks(scenes=("shift_subpixel",), lengths=(2, 6), size=SIZE, points=40)
    assert report["kind"] == "tracks"
    for figures in report["methods"].values():
        assert figures["6"]["epe"] < 1
        assert figures["2"]["survival"] > 0.8
    with pytest.raises(InputError, match="scene: expected one of still"):
        evaluate_tracks(scenes=("moon",))
    with pytest.raises(InputError, match="at least 2 frames"):
        evaluate_tracks(lengths=(1,))
