"""What the model is given, and warnings: each where it belongs, none where all is well."""

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from kinograph.engines.detections.bounding_boxes import from_bounding_boxes
from kinograph.engines.errors import InputError
from kinograph.engines.pose.poses import Poses
from kinograph.engines.render.flow_colours import flow_colours
from kinograph.engines.render.skeleton import draw_skeletons
from kinograph.engines.vace.combine import combine
from kinograph.engines.vace.inspection import report, warnings
from kinograph.engines.vace.keyframes import keyframes
from kinograph.engines.vace.masks import mask_clip
from kinograph.engines.vace.normalise import normalise
from kinograph.engines.vace.outpaint import margins_of, outpaint
from kinograph.engines.vace.presets import PRESETS
from kinograph.engines.vace.preview import ROWS, see, sheet, spread_over, strips, words
from kinograph.engines.video.clip import Clip

GREY = 0.5


def frames(count: int = 5, height: int = 32, width: int = 48) -> Tensor:
    """Coloured noise: like footage, and never grey."""
    random = torch.Generator().manual_seed(0)
    image = torch.rand(count, height, width, 3, generator=random) * 0.3
    return image + torch.tensor([0.6, 0.3, 0.0])


def inspect(image: Tensor, mask: Tensor | None = None, **options: Any) -> tuple[str, ...]:
    """The warnings about what WanVaceToVideo would see."""
    settings = {k: options[k] for k in ("width", "height", "length") if k in options}
    reference = options.get("reference")
    seen = see(image, mask, reference=reference, **settings)
    rest = {k: v for k, v in options.items() if k not in settings}
    return warnings(seen, image, mask, **rest)


def half(count: int = 5, height: int = 32, width: int = 48) -> Tensor:
    """The right half is generated."""
    mask = torch.zeros(count, height, width)
    mask[:, :, width // 2 :] = 1
    return mask


def inpainting(count: int = 5) -> tuple[Tensor, Tensor]:
    made = mask_clip(frames(count), generate="mask", mask=half(1))
    return made.image, made.mask


# --- what the model sees ---


def test_kept_and_generated_parts() -> None:
    image = frames()
    seen = see(image, half())
    torch.testing.assert_close(seen.kept[:, :, :24], image[:, :, :24])
    assert bool((seen.kept[:, :, 24:] == GREY).all())
    torch.testing.assert_close(seen.generated[:, :, 24:], image[:, :, 24:])
    assert bool((seen.generated[:, :, :24] == GREY).all())


def test_a_mask_that_is_not_split_fades_both() -> None:
    seen = see(torch.ones(1, 16, 16, 3), torch.full((1, 16, 16), 0.25))
    torch.testing.assert_close(seen.kept, torch.full((1, 16, 16, 3), 0.875))
    torch.testing.assert_close(seen.generated, torch.full((1, 16, 16, 3), 0.625))


def test_missing_frames_are_grey_and_generated() -> None:
    seen = see(frames(3), torch.zeros(1, 32, 48), length=5)
    assert bool((seen.control[3:] == GREY).all())
    assert seen.mask[:, 0, 0].tolist() == [0, 1, 1, 1, 1]  # a single mask is not repeated
    assert see(frames(7), length=5).control.shape[0] == 5
    assert bool((see(frames(2)).mask == 1).all())


def test_other_shapes_are_cut_in_the_middle() -> None:
    image = torch.zeros(1, 16, 48, 3)
    image[:, :, 16:32] = 1
    seen = see(image, image[..., 0], width=32, height=32, reference=image)
    assert bool((seen.control == 1).all())
    assert bool((seen.mask == 1).all())
    assert seen.reference is not None
    assert seen.reference.shape == (1, 32, 32, 3)
    assert bool((seen.reference == 1).all())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": torch.zeros(4, 4, 3)}, "image: expected images of shape"),
        ({"image": torch.zeros(0, 4, 4, 3)}, "image: expected images of shape"),
        ({"image": torch.zeros(1, 4, 4, 2)}, "image: .*found \\[1, 4, 4, 2\\]"),
        ({"mask": torch.zeros(4, 4)}, "mask: expected masks of shape"),
        ({"reference": torch.zeros(4, 4)}, "reference: expected images of shape"),
        ({"length": -4}, "width, height, length: expected 1 or more, found 48, 32 and -4"),
    ],
)
def test_what_is_no_picture_at_all(options: dict[str, Any], message: str) -> None:
    options.setdefault("image", frames())
    with pytest.raises(InputError, match=message):
        see(**options)


def test_strips_show_every_row_of_every_frame() -> None:
    image, mask = inpainting(3)
    strip = strips(see(image, mask, reference=image[:1]), panel=1000)
    assert strip.shape == (3, len(ROWS) * (16 + 32), 48, 3)
    rows = strip.unflatten(1, (len(ROWS), 48))[:, :, 16:]
    torch.testing.assert_close(rows[:, 0], image)
    assert bool((rows[:, 2] == GREY).all())
    torch.testing.assert_close(rows[:, 3], mask[..., None].expand(-1, -1, -1, 3))
    torch.testing.assert_close(rows[2, 4], image[0])
    small = strips(see(image, mask), panel=24)
    assert small.shape == (3, 4 * (16 + 16), 24, 3)


def test_a_sheet_is_strips_side_by_side() -> None:
    strip = strips(see(frames(9)), panel=48)
    chosen = spread_over(9, 3)
    assert chosen == [0, 4, 8]
    picture = sheet(strip, chosen)
    assert picture.shape == (1, 16 + strip.shape[1], 3 * (48 + 4), 3)
    assert torch.equal(picture[0, 16:, 54:102], strip[4])
    assert spread_over(2, 5) == [0, 1]
    assert spread_over(1, 5) == [0]
    assert spread_over(7, 1) == [0]


def test_words_are_legible() -> None:
    line = words("mask", 60)
    assert line.shape == (1, 16, 60, 3)
    assert float(line.max()) > 0.7
    assert not torch.equal(line, words("kept", 60))


def test_pictures_of_nonsense_are_drawn_all_the_same() -> None:
    image = frames()
    image[0, 0, 0, 0] = math.nan
    image[1] *= 255
    strip = strips(see(image, half()))
    assert bool(strip.isfinite().all())
    assert 0 <= float(strip.min()) <= float(strip.max()) <= 1


# --- warnings ---


def nan() -> Tensor:
    image = inpainting()[0]
    image[2, 3, 4, 1] = math.nan
    return image


def boxes(present: list[bool]) -> tuple[Tensor, Tensor]:
    found = [
        [{"x": 8.0, "y": 8.0, "width": 16.0, "height": 16.0}] if here else [] for here in present
    ]
    made = mask_clip(
        frames(len(present)),
        generate="boxes",
        boxes=from_bounding_boxes(found, len(present), (32, 48)),
    )
    return made.image, made.mask


def jumping() -> Tensor:
    mask = torch.zeros(9, 32, 48)
    mask[::2, 4:28, 4:28] = 1
    mask[1::2, 12:18, 26:32] = 1
    return mask


IMAGE, MASK = inpainting()
SOFT = half() * 0.6 + 0.2

WARNINGS: dict[str, tuple[dict[str, Any], str]] = {
    "length": (
        dict(zip(("image", "mask"), inpainting(6), strict=True)),
        r"length: 6 frames are not 4n\+1; the model makes 5 of them .* Set 5 or 9",
    ),
    "too many": ({"length": 1}, "image: 5 frames for a length of 1; the last 4 are not used"),
    "too few": ({"length": 9}, "image: 5 frames for a length of 9; the 4 missing ones are grey"),
    "one mask": ({"mask": MASK[:1]}, "mask: one mask for 5 frames; it holds for the first only"),
    "few masks": ({"mask": MASK[:3]}, "mask: 3 masks for 5 images; frames without a mask are gen"),
    "many masks": ({"mask": half(9)}, "mask: 9 masks for 5 images; they may not belong to the"),
    "width": ({"width": 50, "height": 32}, "width: 50 is not a multiple of 16; .* Set 48 or 64"),
    "height": ({"height": 10}, "height: 10 is not a multiple of 16; .* Set 16 or 32"),
    "size": ({"width": 96, "height": 64}, "image: 48x32 for 96x64; it is resized without smooth"),
    "shape": ({"width": 32, "height": 32}, "image: 48x32 for 32x32; .* and loses 33% of its edges"),
    "alpha": ({"image": torch.cat([IMAGE, IMAGE[..., :1]], -1)}, "image: 4 channels; the alpha"),
    "mask shape": (
        {"mask": torch.cat([MASK[:, :8], MASK[:, :8], MASK, MASK], 1)},
        "mask: 48x80 is another shape than the image's 48x32",
    ),
    "reference shape": (
        {"reference": torch.ones(1, 48, 32, 3)},
        "reference: 32x48 for 48x32; it loses 56% of its edges. Put it on white",
    ),
    "references": ({"reference": torch.ones(2, 32, 48, 3)}, "reference: 2 images; only the first"),
    "nan": ({"image": nan()}, "image: holds NaN or infinity; the VAE spreads it"),
    "mask nan": ({"mask": MASK * math.inf}, "mask: holds NaN or infinity"),
    "8 bit": ({"image": IMAGE * 255}, r"image: values of .*..* lie outside 0..1.* Divide by 255"),
    "bytes": ({"image": (IMAGE * 255).byte()}, "image: torch.uint8 instead of numbers in 0..1"),
    "signed": ({"image": IMAGE * 2 - 1}, r"image: values of .* Map -1..1 to 0..1 by x/2 \+ 0.5"),
    "overshoot": ({"image": IMAGE * 1.2}, r"image: values of .* outside 0..1.* Clamp them"),
    "mask 8 bit": ({"mask": MASK * 255}, r"mask: values of 0..255 lie outside 0..1.* Divide by"),
    "fps": ({"fps": 30.0}, "fps: 30 frames per second, the model makes 16; .* 1.9 times slower"),
    "slow": ({"fps": 8.0}, "fps: 8 frames per second, the model makes 16; .* 2 times faster"),
    "nothing": ({"mask": MASK * 0}, "mask: nothing is generated, it is nowhere above 0.5"),
    "faint": ({"mask": MASK * 0.2}, "mask: nothing is generated, it is nowhere above 0.5"),
    "inverted": ({"mask": 1 - MASK}, "mask: it looks inverted; what it keeps is neutral grey"),
    "grey kept": (
        {"image": torch.full_like(IMAGE, GREY)},
        "mask: what it keeps is neutral grey, and the model will keep the grey",
    ),
    "all grey": (
        {"image": torch.full_like(IMAGE, GREY), "mask": None},
        "image: all grey with a mask of ones; nothing guides the model",
    ),
    "footage": (
        {"image": frames(), "mask": None},
        "image: looks like footage, and the mask keeps nothing of it",
    ),
    "not painted": (
        {"image": frames()},
        "image: what is to be generated still shows footage; VACE takes that for a control",
    ),
    "soft": (
        {"image": torch.zeros(5, 32, 48, 3), "mask": SOFT},
        "mask: 100% of it is between 0 and 1; VACE was trained with masks of 0",
    ),
    "lost": (
        dict(zip(("image", "mask"), boxes([True, True, False, False, True]), strict=True)),
        "mask: a gap in frame 2, 3; what is generated before and after",
    ),
    "jumps": (
        {"image": torch.zeros(9, 32, 48, 3), "mask": jumping()},
        "mask: its area doubles or halves from one frame to the next 8 times, first at frame 1",
    ),
}
# what follows from it is said, too: footage in frames without a mask, another size
FOLLOWS = {"one mask": 2, "mask shape": 1, "width": 2, "height": 2}
VALUES = ("8 bit", "bytes", "signed", "mask 8 bit", "many masks")  # and many things beside


@pytest.mark.parametrize(("options", "message"), WARNINGS.values(), ids=WARNINGS)
def test_each_warning(
    options: dict[str, Any], message: str, request: pytest.FixtureRequest
) -> None:
    found = inspect(**{"image": IMAGE, "mask": MASK, **options})
    assert any(re.match(message, line) for line in found), found
    assert all(line.endswith(".") and "\n" not in line for line in found)
    name = request.node.callspec.id
    if name not in VALUES:
        assert len(found) == FOLLOWS.get(name, 1), found


def drawn(
    people: Callable[..., Poses], count: int = 5, size: tuple[int, int] = (240, 416)
) -> Tensor:
    return draw_skeletons(people(count, 2, size, grown=size[0] / 464), style="openpose")[0]


def flow(count: int = 5) -> Tensor:
    random = torch.Generator().manual_seed(0)
    coarse = torch.randn(count, 2, 6, 9, generator=random) * 4
    fine = torch.nn.functional.interpolate(coarse, (240, 416), mode="bicubic")
    return flow_colours(fine, fine.norm(dim=1).flatten(1).amax(1))


def test_silence_about_drawn_controls(people: Callable[..., Poses], clip: Clip) -> None:
    skeletons = drawn(people)
    grey = (
        normalise(clip.frames[:5], width=416, height=240)
        .image.mean(-1, keepdim=True)
        .expand(-1, -1, -1, 3)
    )
    layout = torch.ones(5, 240, 416, 3)
    layout[:, 50:150, 100:200] = 0
    ramp = torch.linspace(0, 1, 416).expand(5, 240, -1)[..., None].expand(-1, -1, -1, 3)
    over_flow, _ = combine(flow(), skeletons)
    for name, control in {
        "skeletons": skeletons,
        "flow": flow(),
        "grey": grey,
        "layout": layout,
        "depth": ramp,
        "skeletons over flow": over_flow,
        "nobody": torch.zeros(5, 240, 416, 3),
    }.items():
        assert inspect(control) == (), name
        assert inspect(control, torch.ones(5, 240, 416), fps=16) == (), name


def test_silence_about_prepared_clips(people: Callable[..., Poses], clip: Clip) -> None:
    image = clip.frames[:17, ::4, ::4]
    size = (116, 208)
    poses = people(17, 2, size, grown=0.25)
    square = {"x": 75.0, "y": 25.0, "width": 50.0, "height": 75.0}
    still = from_bounding_boxes(square, 1, size)
    one = torch.zeros(1, *size)
    one[:, 25:75, 50:100] = 1
    wide = margins_of(size, left=25, top=10, right=25, bottom=0, unit="percent")
    inpainted = mask_clip(image, generate="boxes", boxes=still)
    skeletons = drawn(people, 17, (116, 208))
    control, _ = combine(image, skeletons, mode="replace", mask=inpainted.mask)
    for name, made in {
        "boxes": inpainted,
        "boxes of people": mask_clip(image, generate="boxes", boxes=poses, steady=True),
        "soft edges": mask_clip(image, generate="mask", mask=one, grow_by=4, feather_by=8),
        "outside": mask_clip(image, generate="mask", mask=one, invert=True),
        "every 8th": mask_clip(image, keep="every 8"),
        "every 8th of boxes": mask_clip(image, generate="boxes", boxes=still, keep="every 8"),
        "first of boxes": mask_clip(image, generate="boxes", boxes=still, keep="0-4, last"),
        "outpainted": outpaint(image, wide),
        "outpainted, soft": outpaint(image, wide, overlap=4, feather=8),
        "first and last": keyframes(image[[0, -1]], "first, last", 17),
        "first, then poses": keyframes(image[:1], "first", 17, control=skeletons),
    }.items():
        ready = normalise(made.image, made.mask, width=112, height=112, length=21)
        padded = normalise(made.image, made.mask, length=25, length_mode="pad", fit="letterbox")
        assert inspect(ready.image, ready.mask) == (), name
        assert inspect(padded.image, padded.mask) == (), name
    ready = normalise(control, inpainted.mask)
    assert inspect(ready.image, ready.mask) == ()


def test_a_reference_alone_guides_the_model() -> None:
    grey = torch.full((5, 32, 48, 3), 128 / 255)
    assert inspect(grey, reference=torch.ones(1, 64, 96, 3)) == ()


def test_a_small_mask_is_no_empty_one() -> None:
    image, mask = torch.zeros(1, 512, 512, 3), torch.zeros(1, 512, 512)
    mask[0, 101, 101] = 1  # one pixel, between those that are sampled
    assert inspect(image, mask) == ()


def test_grids_of_other_models() -> None:
    image = torch.zeros(9, 64, 64, 3)
    assert inspect(image, model=PRESETS["ltx"]) == ()
    assert len(inspect(image[:5, :48], model=PRESETS["ltx"])) == 2


def test_the_report_is_a_line_a_warning() -> None:
    seen = see(IMAGE, MASK)
    assert report(seen, (), fps=16.0) == ("48x32, 5 frames at 16 fps, 50% generated\nno warnings")
    text = report(see(IMAGE, MASK, reference=IMAGE), ("a.", "b."))
    assert text.splitlines() == [
        "48x32, 5 frames (frame rate unknown, the model makes 16 fps), 50% generated, 1 reference",
        "2 warnings:",
        "- a.",
        "- b.",
    ]


def test_a_model_of_another_rate_and_step() -> None:
    ready = normalise(torch.rand(97, 64, 96, 3), preset="ltx", fps=25.0)
    options = {"fps": 25.0, "model": PRESETS["ltx"]}
    assert not [w for w in inspect(ready.image, ready.mask, **options) if "fps" in w]
    assert [w for w in inspect(ready.image[:96], ready.mask[:96], **options) if "8n+1" in w]


@pytest.mark.parametrize(
    ("empty", "even"),
    [
        ([0, 16, 32, 48, 64, 80], True),
        ([0, 40, 80], True),
        ([0, 37], False),
        ([37], False),
    ],
)
def test_frames_kept_evenly_are_no_gap(empty: list[int], even: bool) -> None:
    mask = torch.zeros(81, 32, 32)
    mask[:, 8:24, 8:24] = 1
    mask[empty] = 0
    found = inspect(torch.full((81, 32, 32, 3), 0.5), mask)
    assert any("a gap in frame" in warning for warning in found) != even
