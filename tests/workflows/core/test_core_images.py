"""Core nodes that make, scale and combine images and masks."""

from typing import Any

import psutil
import pytest
import torch
from torch import Tensor

from core_graphs import outputs_of
from kinograph.engines.errors import InputError

RAMP = torch.arange(8.0).view(1, 2, 4, 1).expand(1, 2, 4, 3) / 8  # [1,2,4,3]
MASK = torch.tensor([[[0.0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]])


def image_of(class_type: str, **inputs: Any) -> Tensor:
    image: Tensor = outputs_of(class_type, **inputs)[0]
    return image


def test_sizes() -> None:
    image = torch.rand(2, 20, 30, 3)
    assert outputs_of("GetImageSize", image=image) == (30, 20, 2)
    half = image_of("ImageScaleBy", image=image, upscale_method="area", scale_by=0.5)
    assert half.shape == (2, 10, 15, 3)
    assert torch.allclose(half[0, 0, 0], image[0, :2, :2].mean((0, 1)))
    longest = {"upscale_method": "lanczos", "largest_size": 15}
    assert image_of("ImageScaleToMaxDimension", image=image, **longest).shape[1:3] == (10, 15)
    total = {"upscale_method": "bilinear", "megapixels": 0.01}
    assert image_of("ImageScaleToTotalPixels", image=image, **total).shape[1:3] == (84, 125)
    stepped = image_of("ImageScaleToTotalPixels", image=image, **total, resolution_steps=16)
    assert stepped.shape[1:3] == (80, 128)


@pytest.mark.parametrize(
    ("kind", "given", "size"),
    [
        ("scale dimensions", {"width": 9, "height": 0, "crop": "center"}, (6, 9)),
        ("scale dimensions", {"width": 0, "height": 0, "crop": "center"}, (20, 30)),
        ("scale by multiplier", {"multiplier": 1.5}, (30, 45)),
        ("scale longer dimension", {"longer_size": 15}, (10, 15)),
        ("scale shorter dimension", {"shorter_size": 10}, (10, 15)),
        ("scale width", {"width": 60}, (40, 60)),
        ("scale height", {"height": 0}, (20, 30)),
        ("scale total pixels", {"megapixels": 0.01}, (84, 125)),
        ("match size", {"match": torch.zeros(1, 7, 5), "crop": "disabled"}, (7, 5)),
        ("scale to multiple", {"multiple": 8}, (16, 24)),
        ("scale to multiple", {"multiple": 64}, (20, 30)),
    ],
)
@pytest.mark.parametrize("method", ["area", "lanczos"])
def test_resize_image_or_mask(
    kind: str, given: dict[str, Any], size: tuple[int, int], method: str
) -> None:
    choice = {f"resize_type__{name}": value for name, value in given.items()}
    for pictures in (torch.rand(2, 20, 30, 3), torch.rand(2, 20, 30), torch.rand(2, 20, 30, 1)):
        made = image_of(
            "ResizeImageMaskNode", input=pictures, scale_method=method, resize_type=kind, **choice
        )
        assert made.shape == (2, *size, *pictures.shape[3:])


@pytest.mark.parametrize(("factor", "width"), [(0.01, 0), (8.0, 32)])
def test_sizes_that_cannot_be_are_refused(
    factor: float, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Little:
        available = 1000

    monkeypatch.setattr(psutil, "virtual_memory", Little)
    with pytest.raises(InputError, match=rf"found 0x0; |images of {width or 32}x16 need"):
        outputs_of("ImageScaleBy", image=RAMP, upscale_method="area", scale_by=factor)


def test_resize_and_pad() -> None:
    made = image_of(
        "ResizeAndPadImage",
        image=RAMP,
        target_width=4,
        target_height=6,
        padding_color="white",
        interpolation="nearest-exact",
    )
    assert torch.equal(made[:, 2:4], RAMP)
    assert made[:, :2].eq(1).all()
    assert made[:, 4:].eq(1).all()


def test_batches() -> None:
    clip = torch.rand(3, 4, 6, 3)
    other = torch.rand(1, 8, 12, 4)
    batch = image_of("BatchImagesNode", images__image0=clip, images__image1=other)
    assert batch.shape == (4, 4, 6, 4)
    assert torch.equal(batch[:3, ..., :3], clip)
    assert batch[:3, ..., 3].eq(1).all()
    for index, length, expected in ((1, 1, [1]), (-1, 4, [2]), (1, 9, [1, 2]), (7, 1, [2])):
        found = image_of("ImageFromBatch", image=clip, batch_index=index, length=length)
        assert torch.equal(found, clip[expected])
    again = image_of("RepeatImageBatch", image=clip, amount=2)
    assert torch.equal(again, torch.cat([clip, clip]))


def test_stitch() -> None:
    red = torch.tensor([1.0, 0, 0]).expand(2, 2, 2, 3)
    given = {"match_image_size": False, "spacing_color": "blue"}
    wide = image_of(
        "ImageStitch", image1=RAMP, image2=red, direction="left", spacing_width=1, **given
    )
    assert wide.shape == (2, 2, 8, 3)
    assert torch.equal(wide[:, :, :2], red)
    assert wide[0, 0, 2:4].tolist() == [[0, 0, 1], [0, 0, 1]]
    assert torch.equal(wide[1:, :, 4:], RAMP)  # the single image stays
    tall = image_of(
        "ImageStitch", image1=RAMP, image2=red, direction="down", spacing_width=0, **given
    )
    assert tall.shape == (2, 4, 4, 3)
    assert tall[0, 2, 0].tolist() == [0, 0, 0]
    assert torch.equal(tall[:, 2:, 1:3], red)
    given["match_image_size"] = True
    matched = image_of(
        "ImageStitch", image1=RAMP, image2=red, direction="up", spacing_width=0, **given
    )
    assert matched.shape == (2, 6, 4, 3)
    alone = {"direction": "up", "spacing_width": 0}
    assert image_of("ImageStitch", image1=RAMP, **alone, **given) is RAMP


def test_composite() -> None:
    below, above = torch.zeros(2, 3, 4, 3), torch.ones(1, 2, 2, 3)
    made = image_of(
        "ImageCompositeMasked",
        destination=below,
        source=above,
        x=3,
        y=1,
        resize_source=False,
        mask=torch.full((1, 2, 2), 0.5),
    )
    assert made[..., 0].sum((1, 2)).tolist() == [1, 1]
    assert made[:, 1:3, 3].eq(0.5).all()
    assert not below.any()  # what it was given stays as it is
    outside = image_of(
        "ImageCompositeMasked", destination=below, source=above, x=9, y=9, resize_source=False
    )
    assert torch.equal(outside, below)


def test_outpaint() -> None:
    padded, mask = outputs_of(
        "ImagePadForOutpaint",
        image=torch.ones(2, 5, 6, 3),
        left=2,
        top=0,
        right=0,
        bottom=0,
        feathering=2,
    )
    assert padded.shape == (2, 5, 8, 3)
    assert padded[:, :, :2].eq(0.5).all()
    assert mask.shape == (1, 5, 8)
    assert mask[0, 0].tolist() == [1, 1, 1, 0.25, 0, 0, 0, 0]


def test_colours_and_channels() -> None:
    assert torch.equal(image_of("ImageInvert", image=RAMP), 1 - RAMP)
    plain = image_of("EmptyImage", width=3, height=2, batch_size=2, color=0xFF8000)
    assert plain.shape == (2, 2, 3, 3)
    assert plain[1, 1, 2].tolist() == pytest.approx([1, 128 / 255, 0])
    rgba = torch.rand(2, 3, 4, 4)
    assert torch.equal(image_of("ImageToMask", image=rgba, channel="alpha"), rgba[..., 3])
    with pytest.raises(InputError, match="found 'alpha'; they have 3 channels"):
        outputs_of("ImageToMask", image=RAMP, channel="alpha")
    colours, transparency = outputs_of("SplitImageWithAlpha", image=rgba)
    assert torch.equal(colours, rgba[..., :3])
    assert torch.equal(transparency, 1 - rgba[..., 3])
    assert outputs_of("SplitImageWithAlpha", image=RAMP)[1].eq(0).all()
    joined = image_of("JoinImageWithAlpha", image=colours, alpha=transparency)
    assert torch.allclose(joined, rgba)


def test_masks() -> None:
    solid = image_of("SolidMask", value=0.25, width=3, height=2)
    assert solid.shape == (1, 2, 3)
    assert solid.eq(0.25).all()
    assert torch.equal(image_of("InvertMask", mask=MASK), 1 - MASK)
    grey = image_of("MaskToImage", mask=MASK)
    assert grey.shape == (1, 3, 4, 3)
    assert grey[0, 1, 2].tolist() == [1, 1, 1]
    cross = image_of("GrowMask", mask=MASK, expand=1, tapered_corners=True)
    assert cross[0].tolist() == [[0, 0, 1, 0], [0, 1, 1, 1], [0, 0, 1, 0]]
    square = image_of("GrowMask", mask=MASK, expand=1, tapered_corners=False)
    assert square[0].sum() == 9
    assert torch.equal(image_of("GrowMask", mask=MASK, expand=-1, tapered_corners=True), MASK * 0)
    assert image_of("GrowMask", mask=MASK, expand=16384, tapered_corners=True).eq(1).all()


@pytest.mark.parametrize(
    ("operation", "middle"),
    [
        ("multiply", [0.12, 0.24]),
        ("add", [0.7, 1.0]),
        ("subtract", [0.0, 0.0]),
        ("and", [0.0, 0.0]),
        ("or", [0.0, 1.0]),
        ("xor", [0.0, 1.0]),
    ],
)
def test_combined_masks(operation: str, middle: list[float]) -> None:
    below = torch.full((2, 3, 4), 0.3)
    above = torch.tensor([[[0.4, 0.8, 0.9]] * 5])
    combined = image_of(
        "MaskComposite", destination=below, source=above, x=2, y=1, operation=operation
    )
    assert combined.shape == (2, 3, 4)
    assert combined[1, 2, 2:].tolist() == pytest.approx(middle)
    assert combined[:, :1].eq(0.3).all()
    assert combined[:, :, :2].eq(0.3).all()
    assert below.eq(0.3).all()
    beside = image_of("MaskComposite", destination=below, source=above, x=9, y=9, operation="add")
    assert torch.equal(beside, below)
    more = above.expand(3, -1, -1)
    with pytest.raises(InputError, match=r"source: expected one mask, or 2 as in .*, found 3"):
        image_of("MaskComposite", destination=below, source=more, x=0, y=0, operation="or")


def test_feathered_and_divided_masks() -> None:
    mask = torch.ones(2, 3, 5)
    faded = image_of("FeatherMask", mask=mask, left=2, top=0, right=99, bottom=1)
    assert faded[1, 0].tolist() == pytest.approx([0.5, 0.8, 0.6, 0.4, 0.2])
    assert torch.equal(faded[0, 0], faded[1, 2])
    down = image_of("FeatherMask", mask=mask, left=0, top=3, right=0, bottom=0)
    assert down[0, :, 4].tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    divided = image_of("ThresholdMask", mask=faded, value=0.5)
    assert divided[0, 0].tolist() == [0, 1, 1, 0, 0]


def test_edges() -> None:
    image = torch.zeros(1, 9, 12, 3)
    image[:, :, 6:] = 1
    thresholds = {"low_threshold": 0.4, "high_threshold": 0.8}
    edges = image_of("Canny", image=image, **thresholds)
    assert edges.shape == image.shape
    assert edges[0, :, 5].eq(1).all()  # of the two columns at the step the left one
    assert edges.sum() == 9 * 3
    with pytest.raises(InputError, match="low_threshold: expected at most high_threshold"):
        outputs_of("Canny", image=image, low_threshold=0.9, high_threshold=0.1)
    with pytest.raises(InputError, match="at least 3x3 pixels, found 4x2"):
        outputs_of("Canny", image=RAMP, **thresholds)
