"""What the nodes of VACE say they did."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from kinograph.engines.errors import InputError
from kinograph.engines.vace.control import VaceControl
from kinograph.engines.vace.normalise import Normalised, normalise
from kinograph.engines.vace.placement import ClipPlacement
from kinograph.engines.vace.report import report
from kinograph.nodes.standin import host
from kinograph.nodes.vace.normalise import VaceNormalise
from kinograph.nodes.vace.restore import VaceRestore
from kinograph.nodes.vace.save import SaveVace

AS_BEFORE: dict[str, Any] = {
    **{"width": 0, "height": 0, "length": 0, "length_mode": "repeat_last", "fit": "crop"}
}


def shown(*size: int, **given: Any) -> str:
    image = torch.zeros(*size, 3)
    text: str = VaceNormalise.execute(image, **{**AS_BEFORE, **given}).ui.value
    return text


@pytest.mark.parametrize(
    ("clip", "given", "text"),
    [
        ((5, 32, 48), {"fps": 25.0}, "5 frames of 48x32 at 25 fps"),
        (
            (46, 32, 56),
            {},
            "49 frames of 48x32 at 16 fps (assumed: fps is not given)\n"
            "from 56x32; cropped 4 px left and right; "
            "3 frames added at the end (the last one again)",
        ),
        (
            (6, 32, 64),
            {"width": 64, "height": 64, "fit": "letterbox", "length_mode": "pad", "fps": 16.0},
            "9 frames of 64x64 at 16 fps\n"
            "from 64x32; grey borders of 16 px above and below; "
            "3 frames added at the end (neutral grey)",
        ),
        (
            (7, 32, 64),
            {"width": 64, "height": 64, "fit": "stretch", "length_mode": "cut", "fps": 16.0},
            "5 frames of 64x64 at 16 fps\n"
            "from 64x32; stretched 1 times in width, 2 times in height; "
            "2 frames cut off at the end",
        ),
        (
            (32, 32, 32),
            {"fps": 30.0, "preset": "wan_480p", "length_mode": "cut"},
            "17 frames of 32x32 at 16 fps\n17 of 31 frames at 30 fps taken",
        ),
        (
            (9, 32, 32),
            {"fps": 15.0, "target_fps": 30.0, "length": 17},
            "17 frames of 32x32 at 30 fps\n9 of 9 frames at 15 fps taken, 8 shown again",
        ),
        (
            (5, 32, 32),
            {"fps": 15.0, "preset": "wan_480p"},
            "5 frames of 32x32 at 15 fps\nslower than the 16 fps of wan_480p, as VACE leaves it",
        ),
        (
            (33, 32, 32),
            {"fps": 30.0, "length_mode": "spread", "length": 21},
            "21 frames of 32x32 at 19.09 fps\n21 of 33 frames at 30 fps taken",
        ),
    ],
)
def test_the_node_says_what_it_did(
    clip: tuple[int, int, int], given: dict[str, Any], text: str
) -> None:
    assert shown(*clip, **given) == text


def test_what_is_beyond_the_model_is_warned_of() -> None:
    placement = ClipPlacement((512, 1024), (512, 1024), "crop", 89, torch.arange(89), 89, 8, 25, 25)
    image = torch.zeros(1).expand(89, 512, 1024, 3)
    assert report(Normalised(image, image[..., 0], placement), "ltx").splitlines() == [
        "89 frames of 1024x512 at 25 fps",
        "Warning: ltx was trained with up to 65 frames of 1024x512, these are 89",
        "Warning: 1024x512 is more than the 393216 pixels per frame that ltx was trained with",
    ]


def test_references_beyond_the_first_are_named() -> None:
    assert shown(1, 16, 16, reference_images=torch.zeros(1, 8, 8, 3)).endswith(
        "1 reference image on white"
    )
    assert "3 reference images on white, of which WanVaceToVideo uses the first alone" in shown(
        1, 16, 16, reference_images=torch.zeros(3, 8, 8, 3)
    )


def test_outputs() -> None:
    plain = VaceNormalise.execute(torch.rand(5, 32, 48, 3), **AS_BEFORE).args
    assert plain[3:] == (48, 32, 5, None, 16.0)
    full = VaceNormalise.execute(
        torch.rand(5, 32, 48),
        **AS_BEFORE,
        preset="ltx",
        fps=24.0,
        reference_images=torch.zeros(2, 8, 8, 3),
        reference_masks=torch.ones(1, 8, 8),
    ).args
    assert full[3:6] == (32, 32, 9)
    assert torch.equal(full[6], torch.ones(2, 32, 32, 3))
    assert full[7] == 24


def test_restore_says_what_cannot_come_back() -> None:
    image = torch.rand(3, 32, 64, 3)
    given = {**AS_BEFORE, "width": 32, "height": 32}
    vace = VaceNormalise.execute(image, **given, fps=16.0).args[2]
    generated = torch.rand(5, 32, 32, 3)
    alone = VaceRestore.execute(generated, vace, "source")
    assert alone.args[0].shape == (3, 32, 32, 3)
    assert alone.args[1] == 16
    assert alone.ui.value == (
        "3 frames of 32x32 at 16 fps\n"
        "16 px left and right of the source was cropped and cannot come back; "
        "connect original to fill it in"
    )
    filled = VaceRestore.execute(generated, vace, "source", image)
    assert filled.args[0].shape == image.shape
    assert filled.ui.value.endswith("filled in from the original")
    boxed = VaceNormalise.execute(image, **{**given, "fit": "letterbox"}).args[2]
    unused = VaceRestore.execute(generated, boxed, "source", image)
    assert unused.ui.value.endswith("original is not used: nothing of the source was cropped")


def test_restore_needs_the_control_of_a_clip() -> None:
    vace = VaceControl(torch.zeros(1, 3, 1, 16, 16), torch.zeros(1, 1, 1, 16, 16))
    with pytest.raises(InputError, match="vace: expected one from VACE Normalise"):
        VaceRestore.execute(torch.zeros(1, 16, 16, 3), vace, "source")


def test_references_are_saved_with_the_control(tmp_path: Path) -> None:
    image, pictures = torch.rand(1, 16, 16, 3), torch.rand(2, 16, 16, 3)
    with host.using(host.Settings(output=tmp_path)):
        for given in ({}, {"reference_images": pictures}):
            vace = VaceNormalise.execute(image, **AS_BEFORE, **given).args[2]
            SaveVace.execute(vace, "vace")
    plain, full = (load_file(tmp_path / f"vace_0000{i}_.safetensors") for i in (1, 2))
    assert plain.keys() == {"video", "mask"}
    assert full.keys() == {"video", "mask", "references"}
    torch.testing.assert_close(full["references"][0].movedim(0, -1), pictures * 2 - 1)


def test_kept_frames_that_are_not_taken() -> None:
    mask = torch.ones(80, 32, 48)
    mask[[0, 16, 32, 48, 64, 79]] = 0
    ready = normalise(torch.rand(80, 32, 48, 3), mask, preset="wan_480p", fps=30.0)
    assert "Warning: frame 32, 64, 79 is kept by the mask, but not taken" in report(
        ready, "wan_480p", mask
    )
    whole = normalise(torch.rand(81, 32, 48, 3), torch.ones(81, 32, 48), preset="wan_480p")
    assert "is kept by the mask" not in report(whole, "wan_480p", torch.ones(81, 32, 48))


def test_a_large_tensor_is_announced_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its size, and what avoids it; the largest of a preset is not."""
    from kinograph.nodes.vace import save

    assert save._large(33, (1080, 1920)).startswith(
        "the tensor takes 1.09 GB for 33 frames of 1920x1080; a preset in VACE Normalise, such as"
    )
    assert not save._large(81, (480, 832))
    monkeypatch.setattr(save, "_LARGE", 1000)
    warned: list[str] = []
    vace = VaceControl(torch.zeros(1, 3, 5, 16, 16), torch.ones(1, 1, 5, 16, 16))
    with host.using(host.Settings(output=tmp_path, warned=warned.append)):
        SaveVace.execute(vace, "vace")
    assert len(warned) == 1
