"""A clip that comes in chunks gives what the whole clip gives."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinograph.engines.errors import InputError
from kinograph.engines.vace.normalise import Normalised, normalise_as
from kinograph.engines.vace.outside import BLACK, GREY
from kinograph.engines.vace.presets import PRESETS
from kinograph.engines.vace.settings import ClipSettings
from kinograph.engines.vace.stream import Normaliser


def streamed(
    normaliser: Normaliser,
    image: torch.Tensor,
    mask: torch.Tensor | None,
    lengths: list[int],
) -> list[Normalised]:
    """The clip in chunks of these lengths and a last one of what is left."""
    out = []
    at = 0
    for length in [*lengths, image.shape[0]]:
        chunk = image[at : at + length]
        if len(chunk):
            part = mask if mask is None or mask.shape[0] == 1 else mask[at : at + length]
            out.append(normaliser.update(chunk, part))
        at += length
    out.append(normaliser.finish())
    return [ready for ready in out if ready is not None]


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(1, 24),
    lengths=st.lists(st.integers(1, 9), max_size=8),
    mode=st.sampled_from(["repeat_last", "pad", "cut"]),
    length=st.sampled_from([0, 0, 1, 9, 17]),
    fit=st.sampled_from(["crop", "letterbox", "stretch"]),
    rates=st.sampled_from([(0.0, 0.0), (30.0, 16.0), (15.0, 16.0), (29.97, 8.0), (8.0, 30.0)]),
    preset=st.sampled_from(["none", "wan_480p", "ltx", "minimax_h3"]),
    masks=st.sampled_from(["none", "one", "each"]),
    size=st.sampled_from([(16, 32), (20, 34)]),
    black=st.booleans(),
)
def test_chunks_give_what_the_whole_clip_gives(
    frames: int,
    lengths: list[int],
    mode: str,
    length: int,
    fit: str,
    rates: tuple[float, float],
    preset: str,
    masks: str,
    size: tuple[int, int],
    black: bool,
) -> None:
    image = torch.rand(frames, *size, 3)
    mask = {"none": None, "one": torch.rand(1, 9, 9), "each": torch.rand(frames, 9, 9)}[masks]
    length = length and PRESETS[preset].above(length)
    mode = "black" if black and mode == "pad" else mode
    outside = BLACK if black else GREY
    asked = ClipSettings(0, 0, length, mode, fit, preset, *rates, outside=outside)
    least = length or PRESETS[preset].offset
    if mode == "cut" and least > (prepared := _prepared(frames, asked)):
        with pytest.raises(InputError, match=f"{least} frames .*, the clip has {prepared}"):
            streamed(Normaliser(asked), image, mask, lengths)
        return
    whole = normalise_as(asked, image, mask)
    parts = streamed(Normaliser(asked), image, mask, lengths)
    assert torch.equal(torch.cat([p.image for p in parts]), whole.image)
    assert torch.equal(torch.cat([p.mask for p in parts]), whole.mask)
    indices = torch.cat([p.placement.indices for p in parts])
    assert torch.equal(indices, whole.placement.indices)
    assert sum(p.placement.kept for p in parts) == whole.placement.kept
    assert all(p.placement.frame_count <= frames for p in parts)
    assert {p.placement.rate for p in parts} == {whole.placement.rate}


def _prepared(frames: int, asked: ClipSettings) -> int:
    """Frames at the new rate."""
    return frames if asked.sampling is None else asked.sampling.count(frames)


def test_a_chunk_that_gives_no_frame() -> None:
    normaliser = Normaliser(ClipSettings(fps=30, target_fps=10))
    chunk = torch.rand(1, 16, 16, 3)
    given = [normaliser.update(chunk) is not None for _ in range(7)]
    assert given == [True, False, False, True, False, False, True]
    end = normaliser.finish()
    assert end is not None
    assert (end.length, end.placement.kept) == (2, 0)


def test_cut_holds_frames_back_until_they_are_whole() -> None:
    normaliser = Normaliser(ClipSettings(length_mode="cut"))
    chunk = torch.rand(3, 16, 16, 3)
    given = [normaliser.update(chunk) for _ in range(4)]
    assert [0 if part is None else part.length for part in given] == [1, 4, 4, 0]
    assert normaliser.finish() is None


def test_frames_that_wait_do_not_keep_their_chunk() -> None:
    normaliser = Normaliser(ClipSettings())
    chunk = torch.rand(12, 16, 16, 3)
    ready = normaliser.update(chunk)
    assert ready is not None
    assert ready.image.data_ptr() == chunk.data_ptr()  # handed on, not copied
    assert normaliser._last is not None
    assert normaliser._last.image.untyped_storage().nbytes() == 16 * 16 * 3 * 4


def test_what_cannot_be_streamed() -> None:
    with pytest.raises(InputError, match="length_mode: spread needs the whole clip"):
        Normaliser(ClipSettings(length_mode="spread"))
    with pytest.raises(InputError, match="image: no frames"):
        Normaliser(ClipSettings()).finish()
    normaliser = Normaliser(ClipSettings())
    normaliser.update(torch.zeros(1, 32, 48, 3))
    with pytest.raises(InputError, match="frames of 48x32 as in the first chunk, found 32x32"):
        normaliser.update(torch.zeros(1, 32, 32, 3))
    with pytest.raises(InputError, match="mask: expected 1 mask or 3"):
        normaliser.update(torch.zeros(3, 32, 48, 3), torch.zeros(2, 8, 8))
    with pytest.raises(InputError, match=r"image: .*NaN"):
        normaliser.update(torch.full((1, 32, 48, 3), float("nan")))


def test_another_clip_after_the_end_and_on_request() -> None:
    normaliser = Normaliser(ClipSettings())
    normaliser.update(torch.rand(6, 32, 48, 3))
    rest = normaliser.finish()
    assert rest is not None
    assert rest.length == 3
    with pytest.raises(InputError, match="no frames"):
        normaliser.finish()
    first = normaliser.update(torch.rand(2, 64, 64, 3))
    assert first is not None
    assert first.size == (64, 64)
    normaliser.reset()
    again = normaliser.update(torch.rand(1, 32, 32, 3))
    assert again is not None
    assert again.placement.indices.tolist() == [0]
