"""Who is who, by any similarity."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from kinograph.engines.errors import InputError
from kinograph.engines.tracking.association import (
    Association,
    Doubles,
    Known,
    Observations,
    assign,
)
from kinograph.engines.tracking.columns import Columns, Places
from kinograph.engines.tracking.similarity import BoxSimilarity, box_observations


def follow(association: Association, frames: list[Observations]) -> list[list[int]]:
    known: Known | None = None
    next_id, all_ids = 0, []
    for frame in frames:
        known, ids, next_id = association.step(known, frame, next_id)
        all_ids.append(ids.tolist())
    return all_ids


def boxes_at(*centres: tuple[float, float]) -> Observations:
    rows = [[x - 20, y - 40, x + 20, y + 40] for x, y in centres]
    return box_observations(np.array(rows, np.float32).reshape(-1, 4))


def test_boxes_that_cross_keep_their_ids() -> None:
    frames = []
    for f in range(40):
        one, other = (100 + 10 * f, 100.0), (490 - 10 * f, 120.0)
        frames.append(boxes_at(one, other) if f % 2 else boxes_at(other, one))
    ids = follow(Association(BoxSimilarity()), frames)
    assert all(sorted(row) == [0, 1] for row in ids)
    first = [row[0] if f % 2 else row[1] for f, row in enumerate(ids)]
    assert len(set(first)) == 1


def test_a_box_is_remembered_for_max_gap_frames() -> None:
    for gap, expected in ((3, 0), (4, 1)):
        frames = [boxes_at((100, 100))] * 3 + [boxes_at()] * gap + [boxes_at((100, 100))]
        assert follow(Association(BoxSimilarity(), max_gap=3), frames)[-1] == [expected]


def test_any_similarity_will_do() -> None:
    """Here objects are told apart by their colour, wherever they go."""

    def by_colour(known: Known, now: Observations) -> Doubles:
        old, new = known.objects.features["hue"], now.features["hue"]
        alike: Doubles = (1 - np.abs(old[:, None] - new[None])).astype(np.float64)
        return alike

    def painted(hues: list[float]) -> Observations:
        random = np.random.default_rng(len(hues))
        centres = random.uniform(0, 1000, (len(hues), 2)).astype(np.float32)
        return Observations(centres, np.full(len(hues), 10.0), {"hue": np.array(hues)})

    frames = [painted([0.1, 0.9]), painted([0.85, 0.15]), painted([0.5, 0.9, 0.1])]
    assert follow(Association(by_colour), frames) == [[0, 1], [1, 0], [2, 1, 0]]


@pytest.mark.parametrize(
    ("similarity", "pairs"),
    [
        ([[0.9, 0.8], [0.8, 0.1]], [(0, 1), (1, 0)]),  # the highest total, not the best first
        ([[0.9, 0.0], [0.0, 0.05]], [(0, 0)]),
        ([[np.nan, 0.5]], [(0, 1)]),
        ([[np.inf], [0.3]], [(1, 0)]),
    ],
)
def test_assignment(similarity: list[list[float]], pairs: list[tuple[int, int]]) -> None:
    rows, columns = assign(np.array(similarity))
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == pairs


def test_columns_and_places() -> None:
    present = torch.tensor([[True, True], [True, False], [True, True]])
    ids = torch.tensor([[7, 3], [3, -1], [-1, 7]])
    values = torch.arange(6.0).view(3, 2)
    columns = Columns.of(present, ids, None, "heads")
    assert columns.ids.tolist() == [3, 7]
    assert columns.gather(values).tolist() == [[1, 0], [2, 0], [0, 5]]
    assert columns.present.tolist() == [[True, True], [True, False], [False, True]]
    places = Places.ranked(columns.present, columns.gather(values))
    assert places.place(columns.gather(values), -1).tolist() == [[1, 0], [2, -1], [5, -1]]
    assert Places.kept(torch.tensor([[False, True]])).place(values[:1], 9).tolist() == [[1, 9]]
    with pytest.raises(InputError, match="heads: frame 0 has track 7 twice"):
        Columns.of(present, torch.full((3, 2), 7), None, "heads")


def _boxes(observations: Observations) -> NDArray[np.float32]:
    return observations.features["boxes"]


def test_observations_are_cut_and_joined() -> None:
    three = boxes_at((10, 10), (20, 20), (30, 30))
    two, one = three.take(np.array([0, 1])), three.take(np.array([False, False, True]))
    joined = Observations.cat(two, one)
    assert np.array_equal(_boxes(joined), _boxes(three))
    assert len(joined) == 3
