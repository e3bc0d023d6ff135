"""The nodes of masks, combining and previewing, as a graph calls them."""

from typing import Any

import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import InputError
from kinograph.engines.pose.poses import Poses
from kinograph.engines.vace.normalise import normalise
from kinograph.nodes.standin.ui import PreviewImage
from kinograph.nodes.vace.combine import VaceCombine
from kinograph.nodes.vace.keyframes import VaceKeyframes
from kinograph.nodes.vace.mask import VaceMask
from kinograph.nodes.vace.normalise import VaceNormalise
from kinograph.nodes.vace.outpaint import VaceOutpaint
from kinograph.nodes.vace.preview import VacePreview


def defaults(node: Any, **given: Any) -> dict[str, Any]:
    """What a graph gives a node: its widgets' defaults, and what is connected."""
    widgets = {spec.id: spec.default for spec in node.define_schema().inputs if spec.is_widget}
    return {**widgets, **given}


def frames(count: int = 5) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.rand(count, 32, 48, 3, generator=random)


def test_mask_by_default_generates_everything() -> None:
    output = VaceMask.execute(**defaults(VaceMask, image=frames()))
    image, mask = output.args
    assert bool((image == 0.5).all())
    assert bool((mask == 1).all())
    assert output.ui.value == "100% generated"


def test_mask_keeps_frames() -> None:
    output = VaceMask.execute(**defaults(VaceMask, image=frames(), keep="first, last"))
    assert output.args[1][:, 0, 0].tolist() == [0, 1, 1, 1, 0]
    assert output.ui.value == "60% generated, 2 of 5 frames kept whole, 3 of 5 generated whole"


def test_normalise_warns_of_cuts_in_the_footage() -> None:
    footage = torch.cat([frames(5), torch.ones(4, 32, 48, 3) * torch.tensor([1.0, 0.2, 0.0])])
    control = torch.zeros(9, 32, 48, 3)
    text = "the clip has 1 cut, at frame 5: VACE blends the shots; prepare each shot as a clip of "

    def warned(**given: Any) -> tuple[str, ...]:
        output = VaceNormalise.execute(**defaults(VaceNormalise, image=control, **given))
        return output.ui.warnings

    assert warned(footage=footage) == (text + "its own",)
    assert warned() == ()
    assert warned(footage=footage, length=5) == ()  # up to frame 4
    with pytest.raises(InputError, match="footage: expected the 9 frames of image, found 3"):
        warned(footage=footage[:3])


BOX = {"x": 10, "y": 10, "width": 10, "height": 10}


@pytest.mark.parametrize(
    ("boxes", "areas"),
    [
        (BOX, [100] * 5),
        ([BOX], [100] * 5),
        ([[BOX]], [100] * 5),
        ([[BOX], [], [BOX], [], []], [100, 0, 100, 0, 0]),
        ([[], [], [], [], []], [0] * 5),
    ],
)
def test_mask_by_boxes_of_any_detector(boxes: Any, areas: list[int]) -> None:
    given = defaults(VaceMask, image=frames(), generate="boxes", margin=0.0, bounding_box=boxes)
    mask = VaceMask.execute(**given).args[1]
    assert mask.flatten(1).sum(1).tolist() == areas


def test_mask_prefers_poses_and_adds_a_margin() -> None:
    poses = Poses.empty(5, (32, 48))
    poses.boxes[:, 0] = torch.tensor([10.0, 10, 20, 20])
    poses.count[:] = 1
    given = defaults(
        VaceMask, image=frames(), generate="boxes", margin=20.0, poses=poses, bounding_box=[]
    )
    assert VaceMask.execute(**given).args[1].sum() == 5 * 14 * 14


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"bounding_box": []}, "bounding_box: holds no boxes"),
        ({"bounding_box": [[BOX], [BOX]]}, "bounding_box: expected boxes for 5 frames, found"),
        ({"bounding_box": "head"}, "bounding_box: expected a list of boxes for each frame"),
        ({}, "boxes: generate is boxes, but there are none; connect poses or bounding_box"),
        ({"poses": Poses.empty(3, (8, 8))}, "boxes: expected boxes of 5 frames"),
    ],
)
def test_boxes_that_do_not_fit(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        VaceMask.execute(**defaults(VaceMask, image=frames(), generate="boxes", **given))


def test_outpaint_says_what_it_added() -> None:
    given = defaults(VaceOutpaint, image=frames(), left=25.0, right=25.0, unit="percent")
    output = VaceOutpaint.execute(**given)
    assert output.args[0].shape == (5, 32, 80, 3)
    assert output.ui.value.startswith("48x32 -> 80x32: left 16, top 0, right 16, bottom 0 px; ")
    ready = normalise(*output.args)
    assert torch.equal(ready.image, output.args[0])


def test_keyframes() -> None:
    output = VaceKeyframes.execute(**defaults(VaceKeyframes, images=frames(2), length=9))
    assert output.args[1][:, 0, 0].tolist() == [0, 1, 1, 1, 1, 1, 1, 1, 0]
    assert output.ui.value.startswith("78% generated, 2 of 9 frames kept whole")


def test_combine() -> None:
    over = torch.zeros(1, 32, 48, 3)
    over[:, 8:16, 8:16, 0] = 1
    image, covered = VaceCombine.execute(**defaults(VaceCombine, base=frames(), over=over)).args
    assert bool((image[:, 8:16, 8:16] == torch.tensor([1.0, 0, 0])).all())
    assert covered.sum() == 5 * 64


def preview(**given: Any) -> Any:
    return VacePreview.execute(**defaults(VacePreview, **given))


def test_preview_shows_pictures_and_words() -> None:
    image = VaceMask.execute(**defaults(VaceMask, image=frames(), keep="first")).args
    output = preview(image=image[0], mask=image[1], columns=2)
    strip, sheet, report = output.args
    assert strip.shape == (5, 4 * 48, 48, 3)
    assert sheet.shape == (1, 16 + 4 * 48, 2 * 52, 3)
    assert report.endswith("no warnings")
    assert output.ui.value == report
    assert output.ui.as_dict() == {
        "images": [],
        "animated": (False,),
        "text": (report,),
        "kinograph_warnings": (),
    }


def test_preview_of_a_vace_tensor_is_that_of_its_image() -> None:
    made = VaceKeyframes.execute(**defaults(VaceKeyframes, images=frames(1), length=5)).args
    ready = normalise(*made)
    by_tensor = preview(vace=ready.control()).args
    by_image = preview(image=ready.image, mask=ready.mask).args
    torch.testing.assert_close(by_tensor[0], by_image[0])
    assert by_tensor[2] == by_image[2]


def test_preview_warns() -> None:
    report = preview(image=frames(6), mask=torch.zeros(1, 32, 48), length=7, fps=30.0).args[2]
    head, count, *lines = report.splitlines()
    assert head == "48x32, 7 frames at 30 fps, 86% generated"
    assert count == f"{len(lines)} warnings:"
    assert [line.split(":")[0] for line in lines][:4] == ["- length", "- image", "- mask", "- fps"]


def test_preview_needs_one_kind_of_input() -> None:
    control = normalise(frames()).control()
    with pytest.raises(InputError, match="vace, image: nothing is connected"):
        preview()
    with pytest.raises(InputError, match="vace alone or image and mask, found both"):
        preview(vace=control, image=frames())


def test_headless_previews_write_nothing() -> None:
    assert PreviewImage(frames()).as_dict() == {"images": [], "animated": (False,)}
