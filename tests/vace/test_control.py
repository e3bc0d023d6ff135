"""Controls for models that are not VACE: Control Normalise, and what VACE Preview checks."""

from typing import Any

import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import InputError
from kinograph.engines.vace.normalise import normalise
from kinograph.engines.vace.outside import BLACK
from kinograph.engines.vace.presets import PRESETS
from kinograph.engines.vace.settings import ClipSettings
from kinograph.engines.vace.stream import Normaliser
from kinograph.nodes.vace.normalise_control import ControlNormalise
from kinograph.nodes.vace.preview import VacePreview


def defaults(node: Any, **given: Any) -> dict[str, Any]:
    """What a graph gives a node: its widgets' defaults, and what is connected."""
    widgets = {spec.id: spec.default for spec in node.define_schema().inputs if spec.is_widget}
    return {**widgets, **given}


def clip(frames: int, height: int = 32, width: int = 64) -> Tensor:
    """Every frame has its own brightness."""
    ramp = torch.linspace(0, 1, frames + 1)[1:]
    return ramp[:, None, None, None].expand(frames, height, width, 3).clone()


def normalised(**given: Any) -> Any:
    return ControlNormalise.execute(**defaults(ControlNormalise, **given))


def test_black_frames_are_black_in_image_and_mask() -> None:
    output = normalised(image=clip(7), preset="minimax_h3", length_mode="black")
    image, mask, width, height, length, fps = output.args
    assert (image.shape, width, height, length, fps) == ((22, 32, 64, 3), 64, 32, 22, 24.0)
    assert bool((image[:7] > 0).all())
    assert not bool(image[7:].any())
    assert mask[:, 0, 0].tolist() == [1.0] * 7 + [0.0] * 15
    assert output.ui.value == (
        "22 frames of 64x32 at 24 fps (assumed: fps is not given)\n"
        "15 frames added at the end (black)"
    )


def test_image_and_mask_are_fitted_together() -> None:
    one = torch.ones(1, 32, 64)
    one[..., :32] = 0  # the right half
    given: dict[str, Any] = {"image": clip(6), "width": 64, "height": 64, "fit": "letterbox"}
    image, mask, *_ = normalised(**given, mask=one, preset="void").args
    assert image.shape == (13, 64, 64, 3)
    assert torch.equal(mask[5], mask[12])  # the last one again
    assert not bool(image[:, :16].any())
    assert not bool(mask[:, :16].any())
    assert mask[0, 32, [4, 60]].tolist() == [0, 1]
    _, alone, *_ = normalised(**given).args
    assert alone[0, :, 5].tolist() == [0.0] * 16 + [1.0] * 32 + [0.0] * 16
    text = normalised(**given).ui.value
    assert "black borders of 16 px above and below" in text


def test_other_models_by_their_numbers() -> None:
    def size_of(frames: int, **given: Any) -> tuple[int, ...]:
        shape: tuple[int, ...] = tuple(
            normalised(image=clip(frames, 35, 50), **given).args[0].shape
        )
        return shape[:3]

    assert size_of(6) == (9, 32, 48)
    assert size_of(6, side=1, step=1) == (6, 35, 50)
    assert size_of(6, side=10, step=4, offset=4) == (8, 30, 50)
    assert size_of(6, side=10, step=4, offset=4, length_mode="cut") == (4, 30, 50)
    assert size_of(6, preset="ltx2", step=3, offset=2) == (8, 32, 32)


def test_the_rate_of_a_model_that_has_one() -> None:
    fast = normalised(image=clip(12), fps=48.0, preset="ltx2")
    torch.testing.assert_close(fast.args[0][:6], clip(12)[::2])
    assert fast.args[5] == 24
    unknown = normalised(image=clip(12), fps=48.0, preset="wan_animate", length_mode="cut")
    assert (len(unknown.args[0]), unknown.args[5]) == (9, 48)
    slow = normalised(image=clip(9), fps=12.0, preset="ltx2").ui.value
    assert slow.endswith("slower than the 24 fps of ltx2; target_fps shows frames again")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"preset": "ltx2_ref0.5", "width": 96}, "width: expected a multiple of 64 .* 64 or 128"),
        ({"side": 10, "width": 16}, "width: expected a multiple of 10 .* try 10 or 20"),
        ({"step": 4, "offset": 5}, "offset: .* expected 1 to 4, .* found 5; set offset to 1"),
        (
            {"preset": "minimax_h3", "step": 4},
            "offset: .* found 5 of the preset minimax_h3; set offset to 1",
        ),
        ({"side": -1}, r"side: expected 1 or more \(or 0: the preset's\), found -1"),
        ({"length_mode": "pad"}, "length_mode: expected one of repeat_last, black, cut, found"),
        ({"preset": "ltx2", "length": 10}, r"length: expected 8n\+1 .* try 9 or 17"),
        (
            {"preset": "void", "length_mode": "cut"},
            r"length: 5 frames are the least \(8n\+5\), the clip has 3, .* repeat_last or black$",
        ),
        ({"target_fps": 24.0}, "fps: expected the clip's own rate"),
        ({"mask": torch.zeros(2, 8, 8)}, r"mask: expected 1 mask or 3"),
        ({"image": torch.zeros(0, 8, 8, 3)}, "image: no frames"),
    ],
)
def test_unusable_input(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        normalised(**{"image": clip(3), **given})


def test_a_clip_that_is_too_short_is_refused_in_chunks_as_well() -> None:
    settings = ClipSettings(preset="void", length_mode="cut", outside=BLACK)
    normaliser = Normaliser(settings)
    assert normaliser.update(clip(3)) is None
    with pytest.raises(InputError, match="5 frames are the least"):
        normaliser.finish()


def test_the_preview_checks_the_grid_of_a_model() -> None:
    def warned(frames: int, **given: Any) -> list[str]:
        output = VacePreview.execute(**defaults(VacePreview, image=clip(frames, 64, 64), **given))
        return [line.split(". Set ")[-1] for line in output.ui.warnings if "length" in line[:7]]

    assert warned(22, preset="minimax_h3") == []
    assert warned(22) == ["21 or 25, e.g. with VACE Normalise."]
    assert warned(21, preset="minimax_h3") == ["5 or 22, e.g. with VACE Normalise."]
    assert warned(3, preset="void") == ["5, e.g. with VACE Normalise."]
    narrow = VacePreview.execute(**defaults(VacePreview, image=clip(1), preset="ltx2_ref0.5"))
    assert "height: 32 is not a multiple of 64" in narrow.args[2]
    assert "the model makes 24 fps" in narrow.args[2]
    unknown = VacePreview.execute(**defaults(VacePreview, image=clip(1), preset="scail2"))
    assert "(frame rate unknown)" in unknown.args[2]
    with pytest.raises(InputError, match=r"preset: expected one of auto, none, .* found 'wan'"):
        warned(1, preset="wan")


@pytest.mark.parametrize("preset", ["none", "ltx", "void", "minimax_h3"])
def test_the_preview_knows_what_a_clip_was_prepared_for(preset: str) -> None:
    control = normalise(clip(5, 64, 64), preset=preset, fps=PRESETS[preset].fps).control()
    report = VacePreview.execute(**defaults(VacePreview, vace=control)).args[2]
    assert "length:" not in report
    assert "fps:" not in report
