"""How far something is, in words."""

from collections.abc import Iterator

import pytest

from kinograph.nodes.rate import Now, Rate


def clock(*seconds: float) -> Iterator[float]:
    yield from seconds


def rate(total: int, unit: str, *seconds: float) -> Rate:
    times = clock(*seconds)
    return Rate(total, unit, lambda: next(times))


def test_frames_a_second() -> None:
    telling = rate(640, "frames", 10.0, 11.0, 12.0)
    assert telling.step(87) == "87/640 frames, 87 frames/s"
    assert telling.step(36) == "123/640 frames, 62 frames/s"


def test_no_more_than_four_times_a_second() -> None:
    times = [i / 100 for i in range(202)]
    telling = rate(1000, "frames", *times)
    said = [line for line in (telling.step(1) for _ in range(200)) if line]
    assert len(said) == 8


def test_the_end_is_told_however_soon() -> None:
    telling = rate(4, "frames", 0.0, 0.01, 0.02)
    assert telling.step(2) == ""
    assert telling.step(2) == "4/4 frames, 200 frames/s"


@pytest.mark.parametrize(
    ("total", "unit", "done", "words"),
    [
        (0, "frames", 3, "3 frames, 3.0 frames/s"),
        (45_600_000, "bytes", 12_340_000, "12.3/45.6 MB, 12.3 MB/s"),
        (0, "bytes", 500_000, "0.5 MB, 0.5 MB/s"),
    ],
)
def test_words(total: int, unit: str, done: int, words: str) -> None:
    assert rate(total, unit, 0.0, 1.0).step(done) == words


def test_no_time_at_all_is_no_division_by_zero() -> None:
    assert rate(1, "frames", 5.0, 5.0).step(1).startswith("1/1 frames, ")


def test_lines_of_a_build() -> None:
    times = clock(0.0, 0.1, 0.24, 0.25, 0.3, 0.31)
    now = Now(lambda: next(times))
    assert [now.due() for _ in range(5)] == [True, False, False, True, False]
    assert now.due(last=True)
