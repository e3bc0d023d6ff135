"""Reference images: whole on white, in the clip's size."""

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.vace.control import VaceControl
from kinograph.engines.vace.normalise import normalise
from kinograph.engines.vace.reference import fit_references


def test_a_picture_lies_whole_in_the_middle_of_white() -> None:
    ready = fit_references(torch.full((1, 20, 40, 3), 0.25), (64, 80))
    assert ready.shape == (1, 64, 80, 3)
    assert bool((ready[:, :12] == 1).all())  # 40 of 64 rows, from the 12th
    assert bool((ready[:, 52:] == 1).all())
    torch.testing.assert_close(ready[:, 12:52], torch.full((1, 40, 80, 3), 0.25))


def test_a_picture_of_the_size_is_left() -> None:
    image = torch.rand(2, 32, 48, 3)
    assert torch.equal(fit_references(image, (32, 48)), image)


def test_background_becomes_white() -> None:
    images = torch.zeros(2, 16, 16, 3)
    background = torch.zeros(1, 16, 16)
    background[:, :8] = 1
    ready = fit_references(images, (16, 16), background)
    assert bool((ready[:, :8] == 1).all())
    assert bool((ready[:, 8:] == 0).all())
    alpha = torch.cat([images, 1 - background[..., None].expand(2, -1, -1, -1)], -1)
    assert torch.equal(fit_references(alpha, (16, 16)), ready)
    small = torch.tensor([[[1.0], [0.0]]])  # another size is stretched onto the picture
    stretched = fit_references(images, (16, 16), small)
    assert bool((stretched[:, :3] > 0.9).all())
    assert bool((stretched[:, -3:] < 0.1).all())


def test_references_have_the_size_that_the_clip_gets() -> None:
    ready = normalise(
        torch.rand(5, 270, 480, 3), preset="wan_480p", references=torch.zeros(3, 40, 40, 3)
    )
    assert ready.references is not None
    assert ready.references.shape == (3, 256, 480, 3)
    control = ready.control()
    assert control.references is not None
    assert control.references.shape == (1, 3, 3, 256, 480)
    assert float(control.references[0, 0, 0, 0, 0]) == 1  # white
    assert float(control.references[0, 0, 0, 128, 240]) == -1
    assert normalise(torch.rand(5, 32, 32, 3)).control().references is None


@pytest.mark.parametrize(
    ("images", "masks", "message"),
    [
        (torch.zeros(1, 8, 8, 2), None, "reference_images: expected 3 channels"),
        (torch.zeros(8, 8, 3), None, "reference_images: expected images of shape"),
        (torch.zeros(0, 8, 8, 3), None, "reference_images: no frames"),
        (torch.full((1, 8, 8, 3), 255.0), None, "reference_images: .*divide by 255"),
        (torch.full((1, 8, 8, 4), float("nan")), None, "reference_images: .*NaN"),
        (torch.zeros(1, 8, 8, 3, dtype=torch.uint8), None, "reference_images: .*uint8"),
        (torch.zeros(3, 8, 8, 3), torch.zeros(2, 8, 8), "reference_masks: expected 1 mask or 3"),
        (torch.zeros(1, 8, 8, 3), torch.zeros(8, 8), "reference_masks: expected masks of shape"),
    ],
)
def test_unusable_references(
    images: torch.Tensor, masks: torch.Tensor | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fit_references(images, (16, 16), masks)


def test_masks_need_references() -> None:
    with pytest.raises(InputError, match="reference_masks: there are no reference images"):
        normalise(torch.zeros(1, 16, 16, 3), reference_masks=torch.zeros(1, 8, 8))


def test_the_control_type_checks_its_references() -> None:
    video, mask = torch.zeros(1, 3, 1, 16, 16), torch.zeros(1, 1, 1, 16, 16)
    with pytest.raises(InputError, match=r"VaceControl.references: .*\[1,3,count,16,16\]"):
        VaceControl(video, mask, torch.zeros(1, 3, 1, 32, 16))
