"""The real WanVaceToVideo neither crops, pads nor rescales the output of VACE Normalise."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from comfyui_server import ComfyUI, ComfyUIError
from kinograph.engines.vace.presets import PRESETS
from kinograph.engines.words import counted

pytestmark = pytest.mark.comfyui


@dataclass(frozen=True)
class Case:
    """A clip of noise, the settings of VACE Normalise, and the expected size of its output."""

    clip: tuple[int, int, int]  # frames, height, width
    result: tuple[int, int, int]
    settings: dict[str, Any] = field(default_factory=dict)
    masks: int = 0  # their number; 0: the input is not connected
    references: int = 0


CASES = {
    "as it is": Case((5, 464, 832), (5, 464, 832)),
    "rounded down": Case((7, 270, 480), (9, 256, 480), masks=7),
    "padded": Case((7, 270, 480), (9, 256, 480), {"length_mode": "pad"}, masks=1, references=1),
    "cut": Case((7, 270, 480), (5, 256, 480), {"length_mode": "cut"}, masks=7, references=2),
    "spread": Case((14, 90, 160), (9, 80, 160), {"length_mode": "spread", "length": 9}, masks=14),
    "letterbox": Case(
        (7, 200, 300),
        (9, 240, 320),
        {"width": 320, "height": 240, "length": 9, "fit": "letterbox"},
        masks=7,
    ),
    "stretch": Case(
        (3, 200, 300),
        (5, 320, 240),
        {"width": 240, "height": 320, "fit": "stretch"},
        masks=1,
        references=1,
    ),
    "one frame": Case((1, 64, 64), (1, 64, 64), references=1),
    "wan_480p wide": Case((3, 720, 1280), (5, 480, 832), {"preset": "wan_480p"}, 3, 1),
    "wan_480p tall": Case(
        (3, 1280, 720), (5, 848, 464), {"preset": "wan_480p", "length_mode": "pad"}, 1
    ),
    "wan_480p from 30 fps": Case(
        (20, 120, 200),
        (13, 112, 192),  # 20 / 1.875 = 10.7 -> 11 -> 13
        {"preset": "wan_480p", "fps": 30.0, "length_mode": "pad"},
        masks=20,
        references=1,
    ),
    "wan_720p": Case(
        (1, 1080, 1920), (1, 720, 1280), {"preset": "wan_720p", "fit": "letterbox"}, 1, 1
    ),
    "wan_1.3b": Case((6, 640, 640), (5, 624, 640), {"preset": "wan_1.3b", "length_mode": "cut"}, 6),
    "ltx": Case((10, 130, 200), (17, 128, 192), {"preset": "ltx"}, 10, 1),
    "shown again": Case((5, 64, 96), (13, 64, 96), {"fps": 10.0, "target_fps": 24.0}, 5),
}


def graph_of(case: Case, name: str) -> dict[str, Any]:
    frames, height, width = case.clip
    defaults = {"width": 0, "height": 0, "length": 0, "length_mode": "repeat_last", "fit": "crop"}
    normalise: dict[str, Any] = {"image": ["clip", 0], **defaults, **case.settings}
    if case.masks:
        normalise["mask"] = ["clip", 1]
    if case.references:
        normalise["reference_images"] = ["pictures", 0]
    size = {"height": height, "width": width}
    return {
        "clip": {
            "class_type": "NoiseClip",
            "inputs": {"frames": frames, **size, "masks": case.masks or 1},
        },
        "pictures": {
            "class_type": "NoiseClip",
            "inputs": {"frames": case.references or 1, "height": 50, "width": 90, "masks": 1},
        },
        "ready": {"class_type": "KinographVaceNormalise", "inputs": normalise},
        "vae": {"class_type": "StubVae", "inputs": {}},
        "wan": {
            "class_type": "WanVaceToVideo",
            "inputs": {
                **{"positive": ["vae", 1], "negative": ["vae", 1], "vae": ["vae", 0]},
                **{"width": ["ready", 3], "height": ["ready", 4], "length": ["ready", 5]},
                **{"control_video": ["ready", 0], "control_masks": ["ready", 1]},
                # connected even without references: then it passes nothing
                **{"reference_image": ["ready", 6], "batch_size": 1, "strength": 1.0},
            },
        },
        "trim": {
            "class_type": "TrimVideoLatent",
            "inputs": {"samples": ["wan", 2], "trim_amount": ["wan", 3]},
        },
        "video": {
            "class_type": "CreateVideo",
            "inputs": {"images": ["back", 0], "fps": ["back", 1]},
        },
        "components": {"class_type": "GetVideoComponents", "inputs": {"video": ["video", 0]}},
        "back": {
            "class_type": "KinographVaceRestore",
            "inputs": {"image": ["ready", 0], "vace": ["ready", 2], "size": "source"},
        },
        "seen": {
            "class_type": "PreviewAny",
            "inputs": {"source": ["components", 2]},
        },
        "save": {
            "class_type": "SavePassed",
            "inputs": {
                **{"name": name, "vae": ["vae", 0], "positive": ["wan", 0], "latent": ["wan", 2]},
                **{"trimmed": ["trim", 0], "image": ["ready", 0], "mask": ["ready", 1]},
                "references": ["ready", 6],
            },
        },
    }


@pytest.mark.parametrize("name", CASES)
def test_wan_vace_encodes_the_very_pixels(comfy: ComfyUI, name: str) -> None:
    case = CASES[name]
    outputs = comfy.run(graph_of(case, name))
    passed = load_file(comfy.base / "output" / f"{name}.safetensors")
    image, mask = passed["image"], passed["mask"][..., None]
    frames, height, width = case.result
    assert image.shape == (frames, height, width, 3)
    assert mask.shape == (frames, height, width, 1)

    encoded = [passed[f"encoded_{i}"] for i in range(3 if case.references else 2)]
    assert f"encoded_{len(encoded)}" not in passed
    if case.references:
        assert passed["references"].shape == (case.references, height, width, 3)
        assert torch.equal(encoded[0], passed["references"][:1])
    inactive, reactive = encoded[-2:]
    assert torch.equal(inactive, (image - 0.5) * (1 - mask) + 0.5)
    assert torch.equal(reactive, (image - 0.5) * mask + 0.5)

    extra = 1 if case.references else 0  # the latent frame of the reference
    latents = (frames - 1) // 4 + 1
    grid = (height // 8, width // 8)
    assert passed["latent"].shape == (1, 16, latents + extra, *grid)
    assert passed["trimmed"].shape == (1, 16, latents, *grid)
    assert passed["vace_frames"].shape == (1, 32, latents + extra, *grid)
    assert passed["vace_mask"].shape == (1, 64, latents + extra, *grid)
    assert not passed["vace_mask"][:, :, :extra].any()  # the reference is kept
    # 8x8 pixels of a mask become 64 channels; of about four frames in time the middle one counts.
    middles = ((torch.arange(latents) + 0.5) * frames / latents).long()
    patches = mask[middles, ..., 0].unflatten(1, (-1, 8)).unflatten(3, (-1, 8))
    patches = patches.permute(2, 4, 0, 1, 3).flatten(0, 1)
    assert torch.equal(passed["vace_mask"][0, :, extra:], patches)

    text = outputs["ready"]["text"][0]
    assert text.startswith(f"{counted(frames, 'frame')} of {width}x{height} at ")
    assert float(outputs["seen"]["text"][0]) == pytest.approx(_rate(case), rel=1e-4)


def _rate(case: Case) -> float:
    """Return the expected frame rate of the restored clip."""
    preset = PRESETS[case.settings.get("preset", "none")]
    given: float = case.settings.get("target_fps") or case.settings.get("fps", preset.fps)
    return min(given, preset.fps) if "preset" in case.settings else given


def test_a_clip_with_the_frames_of_references_is_refused_with_the_cure(comfy: ComfyUI) -> None:
    graph = graph_of(Case((5, 64, 64), (5, 64, 64)), "refused")
    del graph["save"]
    graph["longer"] = {
        "class_type": "NoiseClip",
        "inputs": {"frames": 9, "height": 64, "width": 64, "masks": 1},
    }
    graph["back"]["inputs"]["image"] = ["longer", 0]
    with pytest.raises(ComfyUIError, match=r"expected 5 frames.*found 9.*TrimVideoLatent"):
        comfy.run(graph)
