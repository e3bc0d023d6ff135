"""Where frames went, and the way back."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinograph.engines.errors import InputError
from kinograph.engines.geometry.choices import FITS
from kinograph.engines.geometry.placement import fit_images
from kinograph.engines.vace.normalise import LENGTH_MODES, Normalised, normalise
from kinograph.engines.vace.placement import restore

SIDES = st.integers(1, 200)


def smooth(frames: int, height: int, width: int) -> torch.Tensor:
    """Slopes, another for each frame, that survive scaling."""
    y = torch.linspace(0, 1, height)[:, None].expand(height, width)
    x = torch.linspace(0, 1, width).expand(height, width)
    frame = torch.stack([y, x, (x + y) / 2], -1)
    dim = torch.linspace(1, 0.5, frames)
    return frame * dim[:, None, None, None]


def prepared(source: tuple[int, int], target: tuple[int, int], fit: str) -> Normalised:
    return normalise(smooth(1, *source), height=target[0], width=target[1], fit=fit)


@settings(max_examples=80, deadline=None)
@given(SIDES, SIDES, st.integers(1, 12), st.integers(1, 12), st.sampled_from(FITS))
def test_boxes_are_where_the_picture_went(
    height: int, width: int, rows: int, columns: int, fit: str
) -> None:
    target = (rows * 16, columns * 16)
    placement = prepared((height, width), target, fit).placement
    shown = fit_images(torch.ones(1, height, width, 1), target, fit, fill=0.0)[0, ..., 0] > 0.5
    top, left, bottom, right = placement.where.visible
    box = torch.zeros_like(shown)
    box[top:bottom, left:right] = True
    assert torch.equal(box, shown)
    top, left, bottom, right = placement.where.seen
    assert 0 <= top < bottom <= height
    assert 0 <= left < right <= width
    assert placement.where.is_cropped == ((top, left, bottom, right) != (0, 0, height, width))
    if fit != "crop":
        assert not placement.where.is_cropped


@pytest.mark.parametrize("length_mode", LENGTH_MODES)
@pytest.mark.parametrize("fit", ["letterbox", "stretch"])
def test_there_and_back(fit: str, length_mode: str) -> None:
    source = smooth(7, 120, 200)
    ready = normalise(source, width=320, height=240, fit=fit, length_mode=length_mode)
    back = restore(ready.image, ready.placement)
    taken = ready.placement.indices[: ready.placement.kept]
    assert back.shape == (len(taken), 120, 200, 3)
    assert float((back - source[taken]).abs().max()) < 0.02
    if length_mode in ("repeat_last", "pad"):
        assert len(taken) == 7


def test_borders_are_cut_and_nothing_scaled() -> None:
    ready = prepared((100, 200), (320, 320), "letterbox")
    inner = restore(ready.image, ready.placement, size="prepared")
    assert inner.shape == (1, 160, 320, 3)
    assert torch.equal(inner, ready.image[:, 80:240])


def test_what_was_cropped_comes_from_the_original() -> None:
    source = smooth(7, 100, 200)
    ready = normalise(source, width=160, height=160, fit="crop", fps=30, target_fps=15)
    placement = ready.placement
    assert placement.indices.tolist() == [0, 2, 4, 6, 6]
    assert placement.where.seen == (0, 50, 100, 150)
    part = restore(ready.image, placement)
    assert part.shape == (4, 100, 100, 3)
    assert float((part - source[::2, :, 50:150]).abs().max()) < 0.02
    generated = torch.zeros_like(ready.image)
    filled = restore(generated, placement, original=source)
    assert torch.equal(filled[:, :, :50], source[::2, :, :50])
    assert torch.equal(filled[:, :, 150:], source[::2, :, 150:])
    assert bool((filled[:, :, 50:150] == 0).all())
    assert bool((source[0, -1] > 0).any())  # the original itself is left as it was


def test_an_original_changes_nothing_where_nothing_was_cropped() -> None:
    source = smooth(5, 100, 200)
    ready = normalise(source, width=320, height=320, fit="letterbox")
    back = restore(ready.image, ready.placement)
    assert torch.equal(restore(ready.image, ready.placement, original=source), back)


def test_frames_that_only_fill_up_give_none() -> None:
    ready = prepared((100, 200), (320, 320), "letterbox")
    filling = replace(ready.placement, kept=0)
    assert restore(ready.image, filling).shape == (0, 100, 200, 3)


def test_half_precision_comes_back_as_float() -> None:
    ready = prepared((100, 200), (320, 320), "letterbox")
    assert restore(ready.image.half(), ready.placement).dtype == torch.float32


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((5, 160, 144, 3), {}, r"image: expected frames of 160x160, .*found 144x160"),
        ((4, 160, 160, 3), {}, r"image: expected 5 frames, .*found 4; connect the clip"),
        ((9, 160, 160, 3), {}, r"image: expected 5 frames, .*found 9; .*TrimVideoLatent"),
        ((5, 160, 160, 4), {}, "image: .*found 4"),
        ((5, 160, 160, 3), {"size": "full"}, "size: expected one of source, prepared"),
        (
            (5, 160, 160, 3),
            {"original": torch.zeros(7, 100, 100, 3)},
            r"original: expected the 7 frames of 200x100 .*found 7 of 100x100",
        ),
        (
            (5, 160, 160, 3),
            {"original": torch.zeros(5, 100, 200, 3)},
            r"original: expected the 7 frames of 200x100 .*found 5 of 200x100",
        ),
        (
            (5, 160, 160, 3),
            {"original": torch.zeros(7, 100, 200, 3), "size": "prepared"},
            'original: is filled in with size "source" only',
        ),
    ],
)
def test_what_does_not_belong_to_the_control(
    shape: tuple[int, ...], options: dict[str, object], message: str
) -> None:
    source = smooth(7, 100, 200)
    ready = normalise(source, width=160, height=160, fps=30, target_fps=15)
    with pytest.raises(InputError, match=message):
        restore(torch.zeros(shape), ready.placement, **options)
