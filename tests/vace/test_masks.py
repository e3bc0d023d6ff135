"""What is generated and what is kept: known masks for every mode, and words for bad input."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kinograph.engines.detections.bounding_boxes import from_bounding_boxes
from kinograph.engines.errors import InputError
from kinograph.engines.geometry.morphology import feather, grow
from kinograph.engines.vace.keyframes import keyframes
from kinograph.engines.vace.masks import boxes_mask, in_words, mask_clip
from kinograph.engines.vace.normalise import normalise
from kinograph.engines.vace.outpaint import Margins, margins_of, outpaint
from kinograph.engines.vace.positions import parse_frames


def footage(frames: int = 5, height: int = 15, width: int = 21) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.rand(frames, height, width, 3, generator=random)


def box(x: float, y: float, width: float, height: float) -> dict[str, float]:
    return {"x": x, "y": y, "width": width, "height": height}


def dot(height: int = 9, width: int = 9) -> Tensor:
    mask = torch.zeros(1, height, width)
    mask[0, height // 2, width // 2] = 1
    return mask


# --- frames in words ---


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("", []),
        (" , ", []),
        ("first", [0]),
        ("last", [32]),
        ("Last, FIRST", [32, 0]),
        ("0, 12, -1", [0, 12, 32]),
        ("0，12、-1", [0, 12, 32]),
        ("0-3", [0, 1, 2, 3]),
        ("-3--1", [30, 31, 32]),
        ("30 - -1", [30, 31, 32]),
        ("5-5", [5]),
        ("every 16", [0, 16, 32]),
        ("every  40", [0]),
        ("2, every 16, last", [2, 0, 16, 32, 32]),
    ],
)
def test_frames(text: str, frames: list[int]) -> None:
    assert parse_frames(text, 33) == frames


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "keep: expected first, last, a frame such as 12 .* found 'x'"),
        ("3-", "keep: expected first, last, .* found '3-'"),
        ("1.5", "found '1.5'"),
        ("1 2", "found '1 2'"),
        ("0-x", "found '0-x'"),
        ("33", r"keep: there is no frame 33; the clip has 33, 0 to 32"),
        ("-34", "there is no frame -34"),
        ("0-40", "there is no frame 40"),
        ("8-2", "keep: expected a range from an earlier frame .* found '8-2'; write 2-8"),
        ("every 0", "keep: expected every 1 or more frames, found 'every 0'"),
        ("every", "found 'every'"),
    ],
)
def test_frames_that_are_not(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_frames(text, 33)


# --- growing and softening ---


@settings(max_examples=40, deadline=None)
@given(
    frames=st.integers(1, 3),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    pixels=st.integers(0, 25),
)
def test_growing_is_the_maximum_round_each_pixel(
    frames: int, height: int, width: int, pixels: int
) -> None:
    mask = torch.rand(frames, height, width)
    wanted = torch.nn.functional.max_pool2d(
        torch.nn.functional.pad(mask[:, None], [pixels] * 4), 2 * pixels + 1, 1
    )[:, 0]
    assert torch.equal(grow(mask, pixels), wanted)
    torch.testing.assert_close(grow(mask, -pixels), 1 - grow(1 - mask, pixels))


def test_growing_and_shrinking_a_dot() -> None:
    grown = grow(dot(), 2)
    assert grown.sum() == 25
    assert bool((grown[0, 2:7, 2:7] == 1).all())
    assert torch.equal(grow(grown, -2), dot())
    assert torch.equal(grow(torch.ones(1, 5, 5), -2), torch.ones(1, 5, 5))  # edges stay


def test_feathered_edges() -> None:
    mask = torch.zeros(2, 8, 64)
    mask[:, :, 32:] = 1
    soft = feather(mask, 16)
    assert torch.equal(soft[0], soft[1])
    line = soft[0, 4]
    assert bool((line[1:] >= line[:-1] - 1e-6).all())
    assert float(line[31] + line[32]) == pytest.approx(1, abs=1e-4)  # half way at the edge
    assert float(line[23]) < 0.03  # 8 px outside
    assert float(line[40]) > 0.97
    torch.testing.assert_close(line[-4:], torch.ones(4))  # the picture's edge is no edge
    assert feather(mask, 0) is mask


# --- masks ---


@pytest.mark.parametrize(("generate", "value"), [("all", 1.0), ("none", 0.0)])
@pytest.mark.parametrize("frames", [1, 5])
def test_everything_and_nothing(generate: str, value: float, frames: int) -> None:
    image = footage(frames)
    made = mask_clip(image, generate=generate)
    assert made.mask.shape == (frames, 15, 21)
    assert bool((made.mask == value).all())
    assert torch.equal(made.image, torch.full_like(image, 0.5) if value else image)


def test_what_is_generated_is_grey_and_the_rest_untouched() -> None:
    image, mask = footage(), torch.zeros(1, 15, 21)
    mask[:, 3:9, 4:11] = 1
    made = mask_clip(image, generate="mask", mask=mask)
    assert torch.equal(made.mask, mask.expand(5, -1, -1))
    assert bool((made.image[:, 3:9, 4:11] == 0.5).all())
    outside = mask.expand(5, -1, -1) == 0
    assert torch.equal(made.image[outside], image[outside])
    inverted = mask_clip(image, generate="mask", mask=mask, invert=True)
    assert torch.equal(inverted.mask, 1 - made.mask)
    assert torch.equal(inverted.image[:, 3:9, 4:11], image[:, 3:9, 4:11])


def test_the_mask_is_split_at_one_half_unless_told() -> None:
    mask = torch.tensor([[[0.0, 0.2, 0.5, 0.51, 1.0]]])
    image = footage(2, 1, 5)
    made = mask_clip(image, generate="mask", mask=mask)
    assert made.mask[1, 0].tolist() == [0, 0, 0, 1, 1]
    soft = mask_clip(image, generate="mask", mask=mask, binary=False)
    torch.testing.assert_close(soft.mask[1], mask[0])
    grey = image[0, 0, 1] * 0.8 + 0.5 * 0.2
    torch.testing.assert_close(soft.image[0, 0, 1], grey)


@pytest.mark.parametrize(
    ("generate", "masked", "boxed", "area"),
    [
        ("auto", False, False, 15 * 21),
        ("auto", True, False, 10),
        ("auto", False, True, 6),
        ("auto", True, True, 14),  # they share two pixels
        ("mask", True, True, 10),
        ("boxes", True, True, 6),
        ("all", True, True, 15 * 21),
        ("none", True, True, 0),
    ],
)
def test_what_is_connected_is_generated(
    generate: str, masked: bool, boxed: bool, area: int
) -> None:
    mask = torch.zeros(1, 15, 21)
    mask[0, 0, :10] = 1
    boxes = from_bounding_boxes([[box(8, 0, 2, 3)]], 1, (15, 21))
    made = mask_clip(
        footage(),
        generate=generate,
        mask=mask if masked else None,
        boxes=boxes if boxed else None,
    )
    assert made.mask.flatten(1).sum(1).tolist() == [area] * 5


def test_a_mask_of_another_size_is_stretched() -> None:
    mask = torch.zeros(1, 4, 4)
    mask[:, :, 2:] = 1
    made = mask_clip(footage(3, 16, 40), generate="mask", mask=mask)
    assert bool((made.mask[:, :, 20:] == 1).all())
    assert bool((made.mask[:, :, :20] == 0).all())


@pytest.mark.parametrize(
    ("keep", "kept"),
    [("first", [0]), ("last", [4]), ("0, -1", [0, 4]), ("1-3", [1, 2, 3]), ("every 2", [0, 2, 4])],
)
def test_frames_that_are_kept(keep: str, kept: list[int]) -> None:
    image = footage()
    made = mask_clip(image, keep=keep)
    for frame in range(5):
        assert bool((made.mask[frame] == float(frame not in kept)).all())
        wanted = image[frame] if frame in kept else torch.full_like(image[frame], 0.5)
        assert torch.equal(made.image[frame], wanted)


def test_kept_frames_stay_kept_whatever_grows() -> None:
    made = mask_clip(
        footage(5, 9, 9),
        generate="mask",
        mask=dot(),
        keep="2",
        invert=True,
        grow_by=1,
        feather_by=4,
        steady=True,
    )
    assert float(made.mask[2].max()) == 0
    assert float(made.mask[1].max()) > 0.5


def test_growing_comes_after_splitting() -> None:
    made = mask_clip(footage(2, 9, 9), generate="mask", mask=dot() * 0.6, grow_by=1)
    assert made.mask[0].sum() == 9


def test_steady_is_what_any_frame_generates() -> None:
    mask = torch.zeros(3, 15, 21)
    mask[0, 2, 3] = mask[2, 7, 8] = 1
    made = mask_clip(footage(3), generate="mask", mask=mask, steady=True)
    assert made.mask.sum() == 6
    assert bool((made.mask == made.mask[0]).all())


def test_boxes_cover_every_pixel_that_they_touch() -> None:
    boxes = from_bounding_boxes([[box(2, 3, 4, 5)], [], [box(1.5, 1.5, 1, 1)]], 3, (15, 21))
    mask = boxes_mask(boxes, (15, 21))
    assert mask.shape == (3, 15, 21)
    assert bool((mask[0, 3:8, 2:6] == 1).all())
    assert mask.flatten(1).sum(1).tolist() == [20, 0, 4]  # a frame without boxes is kept


@pytest.mark.parametrize(
    ("of", "area"),
    [
        (box(-5, -5, 8, 8), 9),  # beyond two edges
        (box(18, 12, 50, 50), 9),
        (box(100, 100, 5, 5), 0),  # off the picture
        (box(-10, -10, 100, 100), 15 * 21),
    ],
)
def test_boxes_beyond_the_edge(of: dict[str, float], area: int) -> None:
    assert boxes_mask(from_bounding_boxes(of, 1, (15, 21)), (15, 21)).sum() == area


def test_boxes_may_overlap_and_carry_margins() -> None:
    boxes = from_bounding_boxes([[box(5, 5, 4, 4), box(7, 5, 4, 4)]], 1, (15, 21))
    assert boxes_mask(boxes, (15, 21)).sum() == 6 * 4
    wider = boxes_mask(boxes, (15, 21), margin=0.25)  # a pixel on each side
    assert wider.sum() == 8 * 6
    assert boxes_mask(boxes, (15, 21), margin=-0.5).sum() == 0


def test_boxes_follow_the_size_of_the_image() -> None:
    boxes = from_bounding_boxes([[box(5, 5, 5, 5)]], 1, (10, 10))
    made = mask_clip(footage(4, 20, 30), generate="boxes", boxes=boxes)
    assert made.mask.sum() == 4 * 10 * 15  # one frame's boxes serve every frame
    assert bool((made.mask[:, 10:, 15:] == 1).all())


def test_masked_footage_goes_through_normalise_as_it_is() -> None:
    made = mask_clip(footage(5, 32, 48), generate="mask", mask=dot(32, 48), grow_by=4)
    ready = normalise(made.image, made.mask)
    assert torch.equal(ready.image, made.image)
    assert torch.equal(ready.mask, made.mask)


def test_words_about_a_mask() -> None:
    made = mask_clip(footage(4), keep="first")
    assert in_words(made.mask) == "75% generated, 1 of 4 frames kept whole, 3 of 4 generated whole"
    assert in_words(torch.ones(2, 3, 3)) == "100% generated"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"generate": "mask"}, "mask: generate is mask, but no mask is connected"),
        ({"generate": "boxes"}, "boxes: generate is boxes, but there are none"),
        (
            {"generate": "some"},
            "generate: expected one of auto, all, none, mask, boxes, found 'some'",
        ),
        ({"keep": "9"}, "keep: there is no frame 9"),
        ({"grow_by": 600}, "grow, feather: expected up to 512 px"),
        ({"feather_by": -1}, "grow, feather: .* found 0 and -1"),
        (
            {"generate": "mask", "mask": torch.zeros(2, 4, 4)},
            "mask: expected 1 mask or 5 .*found 2",
        ),
        ({"generate": "mask", "mask": torch.zeros(4, 4)}, "mask: expected masks of shape"),
        ({"generate": "mask", "mask": torch.full((1, 4, 4), math.nan)}, "mask: .*NaN"),
        ({"generate": "mask", "mask": torch.full((1, 4, 4), 255.0)}, "mask: .*divide by 255"),
        ({"image": torch.full((1, 4, 4, 3), math.nan)}, "image: .*NaN"),
        ({"image": torch.full((1, 4, 4, 3), 200.0)}, "image: .*divide by 255"),
        ({"image": torch.zeros(0, 4, 4, 3)}, "image: no frames"),
        (
            {"generate": "boxes", "boxes": from_bounding_boxes([[], []], 2, (4, 4))},
            "boxes: expected boxes of 5 frames .* or 1, found 2",
        ),
    ],
)
def test_masks_that_cannot_be_made(options: dict[str, Any], message: str) -> None:
    options.setdefault("image", footage())
    with pytest.raises(InputError, match=message):
        mask_clip(**options)


def test_a_box_that_is_no_number() -> None:
    boxes = from_bounding_boxes([[box(1, 1, 2, 2)]], 1, (9, 9))
    boxes.boxes[0, 0, 2] = math.nan
    with pytest.raises(InputError, match="boxes: a box is not a number"):
        boxes_mask(boxes, (9, 9))


# --- outpainting ---


@pytest.mark.parametrize(
    ("size", "asked", "unit", "margins"),
    [
        ((464, 832), (64, 16, 0, 0), "pixels", (64, 16, 0, 0)),
        ((464, 832), (25, 0, 25, 0), "percent", (208, 0, 208, 0)),
        ((464, 832), (60, 0, 60, 0), "pixels", (64, 0, 64, 0)),
        ((464, 832), (30, 0, 90, 0), "pixels", (32, 0, 96, 0)),  # in proportion
        ((470, 832), (0, 0, 0, 0), "pixels", (0, 5, 0, 5)),  # nothing is cut
        ((470, 833), (0, 10, 10, 0), "pixels", (0, 10, 15, 0)),
        ((1, 1), (0, 0, 0, 0), "pixels", (8, 8, 7, 7)),
    ],
)
def test_margins(
    size: tuple[int, int],
    asked: tuple[float, ...],
    unit: str,
    margins: tuple[int, ...],
) -> None:
    left, top, right, bottom = asked
    found = margins_of(size, left=left, top=top, right=right, bottom=bottom, unit=unit)
    assert found == Margins(*margins)


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 50),
    width=st.integers(1, 50),
    asked=st.tuples(*[st.floats(0, 90)] * 4),
    percent=st.booleans(),
)
def test_any_canvas_fits_vace_and_holds_the_footage(
    height: int, width: int, asked: tuple[float, ...], percent: bool
) -> None:
    left, top, right, bottom = asked
    margins = margins_of(
        (height, width),
        left=left,
        top=top,
        right=right,
        bottom=bottom,
        unit="percent" if percent else "pixels",
    )
    image = torch.rand(2, height, width, 3)
    made = outpaint(image, margins)
    tall, wide = made.mask.shape[1:]
    assert tall % 16 == 0
    assert wide % 16 == 0
    inner = (
        slice(None),
        slice(margins.top, margins.top + height),
        slice(margins.left, margins.left + width),
    )
    assert torch.equal(made.image[inner], image)
    assert bool((made.mask[inner] == 0).all())
    assert made.mask.sum() == 2 * (tall * wide - height * width)
    assert bool((made.image[made.mask == 1] == 0.5).all())


def test_overlap_and_feather_reach_into_the_footage() -> None:
    made = outpaint(footage(2, 32, 32), Margins(16, 0, 0, 0), overlap=4, feather=8)
    line = made.mask[1, 10]
    assert bool((line[:20] == 1).all())  # the margin and 4 px
    torch.testing.assert_close(line[20:28], 1 - (torch.arange(8) + 0.5) / 8)
    assert bool((line[28:] == 0).all())  # no margin on the right, no overlap either
    assert bool((made.image[:, :, :20] == 0.5).all())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"left": -1}, "left: expected a margin of 0 or more, found -1"),
        ({"top": math.nan}, "top: expected a margin"),
        ({"right": math.inf}, "right: expected a margin"),
        ({"unit": "cm"}, "unit: expected one of pixels, percent, found 'cm'"),
        (
            {"bottom": 20000},
            "margins: expected a canvas of at most 16384 px a side, found 48x20032",
        ),
    ],
)
def test_margins_that_cannot_be(options: dict[str, Any], message: str) -> None:
    asked = {"left": 0, "top": 0, "right": 0, "bottom": 0, **options}
    with pytest.raises(InputError, match=message):
        margins_of((32, 48), **asked)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"overlap": 40}, "overlap, feather: 40 and 0 px .* leave nothing of footage of 32x32"),
        ({"overlap": -1}, "overlap, feather: expected 0 px or more"),
        ({"feather": -3}, "overlap, feather: expected 0 px or more"),
    ],
)
def test_overlaps_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        outpaint(footage(1, 32, 32), Margins(16, 0, 0, 0), **options)


# --- key frames ---


@pytest.mark.parametrize(
    ("count", "positions", "at"),
    [
        (1, "", [0]),
        (2, "", [0, 8]),
        (3, "", [0, 4, 8]),
        (2, "first, last", [0, 8]),
        (2, "last, first", [8, 0]),  # the first image stands last
        (3, "0-2", [0, 1, 2]),
        (3, "every 4", [0, 4, 8]),
        (1, "-3", [6]),
    ],
)
def test_keyframes(count: int, positions: str, at: list[int]) -> None:
    images = footage(count)
    made = keyframes(images, positions, 9)
    assert made.image.shape == (9, 15, 21, 3)
    for number, place in enumerate(at):
        assert torch.equal(made.image[place], images[number])
    free = [frame for frame in range(9) if frame not in at]
    assert bool((made.image[free] == 0.5).all())
    assert bool((made.mask[free] == 1).all())
    assert bool((made.mask[at] == 0).all())


def test_keyframes_among_a_control() -> None:
    images, control = footage(1), footage(5) * 0.5
    made = keyframes(images, "last", 5, control=control)
    assert torch.equal(made.image[:4], control[:4])
    assert torch.equal(made.image[4], images[0])
    assert made.mask[:, 0, 0].tolist() == [1, 1, 1, 1, 0]
    boxed = keyframes(images, "first", 5, control=torch.zeros(1, 15, 15, 3), fit="letterbox")
    assert bool((boxed.image[1:, :, :3] == 0.5).all())
    assert bool((boxed.image[1:, :, 3:18] == 0).all())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 8}, r"length: expected 4n\+1 frames, found 8; try 5 or 9"),
        ({"length": 0}, r"length: expected 4n\+1"),
        ({"positions": "first"}, "positions: 'first' names 1 of 9 frames, but there are 2 images"),
        ({"positions": "0, first"}, "positions: frame 0 is named more than once"),
        ({"positions": "0, 20"}, "positions: there is no frame 20"),
        ({"images": footage(6), "length": 5}, "images: 6 do not fit into a clip of 5 frames"),
        ({"control": footage(4)}, r"control: expected 9 frames \(the length\) or 1, found 4"),
        ({"images": torch.full((2, 4, 4, 3), math.nan)}, "images: .*NaN"),
    ],
)
def test_keyframes_that_cannot_be(options: dict[str, Any], message: str) -> None:
    given_ = {"images": footage(2), "positions": "", "length": 9, **options}
    with pytest.raises(InputError, match=message):
        keyframes(**given_)


def test_outpainting_keeps_what_a_mask_generates() -> None:
    footage = torch.rand(3, 48, 64, 3)
    hole = torch.zeros(1, 48, 64)
    hole[:, 10:20, 30:40] = 1
    margins = margins_of((48, 64), left=16, top=0, right=0, bottom=0, unit="pixels")
    wide = outpaint(footage, margins, mask=hole)
    assert wide.mask.shape == (3, 48, 80)
    assert torch.equal(wide.mask[:, :, 16:], hole.expand(3, -1, -1))
    assert bool((wide.mask[:, :, :16] == 1).all())
    assert bool((wide.image[:, 10:20, 46:56] == 0.5).all())
    with pytest.raises(InputError, match="mask"):
        outpaint(footage, margins, mask=hole.expand(2, -1, -1))
