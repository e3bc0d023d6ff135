"""Sizes, lengths, masks and values that VACE takes as they are."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinograph.engines.errors import InputError
from kinograph.engines.vace.control import VaceControl
from kinograph.engines.vace.normalise import LENGTH_MODES, normalise
from kinograph.engines.vace.presets import PRESETS


def clip(frames: int, height: int = 32, width: int = 48) -> torch.Tensor:
    """Every frame has its own brightness."""
    ramp = torch.linspace(0, 1, frames + 1)[1:]
    return ramp[:, None, None, None].expand(frames, height, width, 3).clone()


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(1, 12),
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    mode=st.sampled_from(LENGTH_MODES),
    fit=st.sampled_from(["crop", "letterbox", "stretch"]),
    masked=st.booleans(),
    name=st.sampled_from(list(PRESETS)),
)
def test_whatever_goes_in_fits_vace(
    frames: int, height: int, width: int, mode: str, fit: str, masked: bool, name: str
) -> None:
    mask = torch.rand(frames, height, width) if masked else None
    model = PRESETS[name]
    if mode == "cut" and frames < model.offset:
        with pytest.raises(InputError, match=rf"length: 5 frames are the least .*has {frames}"):
            normalise(clip(frames, height, width), length_mode=mode, preset=name)
        return
    ready = normalise(clip(frames, height, width), mask, length_mode=mode, fit=fit, preset=name)
    assert all(length % model.side == 0 and length >= model.side for length in ready.size)
    assert model.below(ready.length) == ready.length
    assert abs(ready.length - frames) < model.step
    assert ready.placement.preset == name
    assert (len(ready.placement.indices), ready.placement.target) == (ready.length, ready.size)
    assert ready.mask.shape == ready.image.shape[:3]
    control = ready.control()
    assert control.video.shape == (1, 3, ready.length, *ready.size)
    assert control.mask.shape == (1, 1, ready.length, *ready.size)
    assert control.video.dtype == control.mask.dtype == torch.float32
    assert -1 <= float(control.video.min()) <= float(control.video.max()) <= 1
    assert 0 <= float(ready.mask.min()) <= float(ready.mask.max()) <= 1


def test_frames_that_fit_are_left_as_they_are() -> None:
    image = clip(5)
    ready = normalise(image)
    assert ready.image.data_ptr() == image.data_ptr()
    assert bool((ready.mask == 1).all())
    torch.testing.assert_close(ready.control().video[0, 1], image[..., 1] * 2 - 1)


@pytest.mark.parametrize(
    ("mode", "length", "brightness"),
    [
        ("repeat_last", 0, [1 / 3, 2 / 3, 1, 1, 1]),
        ("pad", 0, [1 / 3, 2 / 3, 1, 0.5, 0.5]),
        ("cut", 0, [1 / 3]),
        ("repeat_last", 1, [1 / 3]),
        ("pad", 9, [1 / 3, 2 / 3, 1, *[0.5] * 6]),
    ],
)
def test_lengths(mode: str, length: int, brightness: list[float]) -> None:
    ready = normalise(clip(3), torch.zeros(3, 32, 48), length=length, length_mode=mode)
    torch.testing.assert_close(ready.image[:, 0, 0, 0], torch.tensor(brightness))
    free = [float(b == 0.5) for b in brightness]  # padded frames are the model's, others kept
    assert ready.mask[:, 0, 0].tolist() == free


@pytest.mark.parametrize(
    ("source", "asked", "size"),
    [
        ((464, 832), (0, 0), (464, 832)),
        ((1080, 1920), (0, 0), (1072, 1920)),
        ((10, 10), (0, 0), (16, 16)),
        ((1080, 1920), (0, 832), (464, 832)),
        ((1920, 1080), (480, 0), (480, 272)),
        ((100, 100), (480, 832), (480, 832)),
    ],
)
def test_sizes(source: tuple[int, int], asked: tuple[int, int], size: tuple[int, int]) -> None:
    ready = normalise(torch.zeros(1, *source, 3), height=asked[0], width=asked[1])
    assert ready.size == size


def test_fits() -> None:
    image = torch.ones(1, 32, 64, 3)
    image[:, :, :32] = 0  # left half black
    crop = normalise(image, height=32, width=32, fit="crop").image[0, 16, :, 0]
    assert crop[2] < 0.01
    assert crop[-3] > 0.99
    boxed = normalise(image, height=64, width=64, fit="letterbox")
    assert bool((boxed.image[0, :16] == 0.5).all())  # neutral borders, free to the model
    assert bool((boxed.mask[0, :16] == 1).all())
    assert float(boxed.image[0, 32, 5, 0]) == 0
    stretched = normalise(image, height=32, width=32, fit="stretch").image[0, 16, :, 0]
    torch.testing.assert_close(stretched[:12], torch.zeros(12))
    torch.testing.assert_close(stretched[20:], torch.ones(12))


def test_one_mask_serves_every_frame_and_follows_the_image() -> None:
    mask = torch.zeros(1, 8, 8)
    mask[:, :, 4:] = 1
    ready = normalise(clip(5, 32, 64), mask)
    assert ready.mask.shape == (5, 32, 64)
    assert bool((ready.mask[:, :, :28] < 0.01).all())
    assert bool((ready.mask[:, :, 36:] > 0.99).all())
    assert torch.equal(ready.mask[0], ready.mask[4])


@pytest.mark.parametrize("size", [(32, 48), (40, 70)])
@pytest.mark.parametrize("mode", LENGTH_MODES)
def test_grey_is_the_same_in_three_channels(size: tuple[int, int], mode: str) -> None:
    depth = torch.rand(6, *size)
    colour = normalise(depth[..., None].expand(-1, -1, -1, 3), length_mode=mode)
    for image in (depth, depth[..., None]):
        ready = normalise(image, length_mode=mode)
        assert ready.image.shape[-1] == 3
        assert ready.image.is_contiguous()
        assert torch.equal(ready.image, colour.image)
        assert torch.equal(ready.control().video, colour.control().video)


def test_long_clips_are_resized_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    image, mask = torch.rand(11, 30, 50, 3), torch.rand(11, 20, 20)
    whole = normalise(image, mask, width=64, height=48)
    monkeypatch.setattr("kinograph.engines.vace.fitting._PIECE", 3 * 64 * 48 * 4)
    pieces = normalise(image, mask, width=64, height=48)
    assert torch.equal(pieces.image, whole.image)
    assert torch.equal(pieces.mask, whole.mask)


def test_what_comes_in_is_not_changed() -> None:
    image, mask = torch.rand(3, 20, 30, 3) + 0.05, torch.rand(3, 20, 30)
    before = image.clone(), mask.clone()
    normalise(image, mask)
    assert torch.equal(image, before[0])
    assert torch.equal(mask, before[1])


def test_overshoot_is_clamped() -> None:
    assert float(normalise(torch.full((1, 16, 16, 3), 1.05)).image.max()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 850}, r"width: expected a multiple of 16 \(or 0\), found 850; try 848 or 864"),
        ({"height": -16}, "height: expected a multiple of 16"),
        ({"length": 30}, r"length: expected 4n\+1 frames \(or 0\), found 30; try 29 or 33"),
        ({"length": -3}, r"length: expected 4n\+1"),
        ({"length": 33, "length_mode": "cut"}, "33 frames asked for, the clip has 3"),
        ({"length_mode": "loop"}, "length_mode: expected one of repeat_last, pad, cut"),
        ({"preset": "wan"}, "preset: expected one of none, wan_480p, .* found 'wan'"),
        ({"preset": "ltx", "width": 848}, r"width: expected a multiple of 32 .* try 832 or 864"),
        ({"preset": "ltx", "length": 21}, r"length: expected 8n\+1 .* found 21; try 17 or 25"),
        ({"preset": "void", "length": 8}, r"length: expected 8n\+5 .* found 8; try 5 or 13"),
        ({"preset": "minimax_h3", "length": 3}, r"expected 17n\+5 .* found 3; try 5 or 22"),
        ({"fit": "tight"}, r"fit: expected one of stretch"),
        ({"mask": torch.zeros(2, 8, 8)}, r"mask: expected 1 mask or 3 .* found 2"),
        ({"mask": torch.zeros(8, 8)}, r"mask: expected masks of shape .* found \[8, 8\]"),
        ({"mask": torch.zeros(0, 8, 8)}, "mask: the mask is empty"),
        ({"mask": torch.full((1, 8, 8), math.nan)}, "mask: .*NaN"),
        ({"image": torch.full((1, 8, 8, 3), 9.0)}, "image: expected pixels in 0..1"),
        ({"image": torch.zeros(1, 8, 8, 4)}, "image: .*found 4"),
        ({"image": torch.zeros(8, 8, 3)}, r"image: expected images of shape .*\[8, 8, 3\]"),
        ({"image": torch.zeros(0, 8, 8)}, "image: no frames"),
        ({"image": torch.full((1, 8, 8), math.nan)}, "image: .*NaN"),
        ({"image": torch.zeros(1, 8, 8, 1, dtype=torch.uint8)}, "image: .*found torch.uint8"),
    ],
)
def test_unusable_input(options: dict[str, object], message: str) -> None:
    options.setdefault("image", clip(3))
    if "tight" in options.values():
        options["width"] = 16
    with pytest.raises(InputError, match=message):
        normalise(**options)


def test_the_control_type_checks_its_shapes() -> None:
    with pytest.raises(InputError, match=r"VaceControl.mask: expected .*\[1,1,5,16,16\]"):
        VaceControl(torch.zeros(1, 3, 5, 16, 16), torch.zeros(1, 1, 4, 16, 16))
    with pytest.raises(InputError, match=r"VaceControl\.video"):
        VaceControl(torch.zeros(3, 5, 16, 16), torch.zeros(1, 1, 5, 16, 16))
