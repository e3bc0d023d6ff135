"""Which CUDA graph a call runs in; tests/test_cuda.py has the graphs."""

import pytest

from kinograph.engines.runtime.cuda_graph import Counts


def counted(counts: Counts, *numbers: int, size: tuple[int, int] = (4, 6)) -> list[int]:
    return [counts.of((n, 3, *size)) for n in numbers]


def test_powers_of_two_up_to_the_most() -> None:
    assert [Counts(12).of((n, 3, 4, 6)) for n in (1, 2, 3, 4, 5, 8, 9, 12)] == [
        *(1, 2, 4, 4, 8, 8, 12, 12)
    ]


@pytest.mark.parametrize("chunks", [[33], [16, 17], [20, 13], [32, 1], [16, 16, 1]])
def test_the_rest_of_a_clip_runs_as_what_was_before_it(chunks: list[int]) -> None:
    """However a clip is cut, if no piece is smaller than a batch."""
    counts = Counts(16)
    for frames in chunks:
        batches = [16] * (frames // 16) + [frames % 16] * (frames % 16 > 0)
        assert set(counted(counts, *batches)) == {16}


def test_few_again_and_again_have_a_graph_of_their_own() -> None:
    counts = Counts(16)
    assert counted(counts, 16, 2, 2, 2, 16, 2) == [16, 16, 2, 2, 16, 16]
    assert counted(counts, 3, 3) == [4, 4]  # the call before had fewer


def test_sizes_do_not_mix() -> None:
    counts = Counts(16)
    counted(counts, 16)
    assert counted(counts, 1, size=(8, 8)) == [1]
    assert counted(counts, 1) == [16]


def test_networks_that_give_a_row_less() -> None:
    assert counted(Counts(17, 1), 17, 9) == [17, 17]
    assert counted(Counts(17, 1), 2, 3, 6) == [2, 3, 9]
