"""The real WanTrackToVideo and WanCameraImageToVideo take what Motion Tracks and Camera from Flow
make."""

import json
import math
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from comfyui_server import ComfyUI
from kinograph.engines.flow.files import write_flow
from kinograph.engines.flow.flow import Flow

pytestmark = pytest.mark.comfyui

SIZE = (72, 128)
WIDE, HIGH = 256, 144


def flow_of(comfy: ComfyUI, name: str, right: float) -> dict[str, Any]:
    """Place flow of nine frames that all moves right by so many px a frame; return its loader."""
    forward = torch.zeros(8, 2, *SIZE)
    forward[:, 0] = right
    write_flow(Flow(forward, -forward), comfy.base / "input" / f"{name}.npz", "npz")
    return {"class_type": "KinographLoadFlow", "inputs": {"file": f"{name}.npz"}}


def points_read(length: int) -> list[int]:
    """Return which of a track's 121 points core reads for each frame after the first."""
    shared = math.gcd(120, length - 1)
    step, repeats = 120 // shared, (length - 1) // shared
    return [1 + (1 + frame * step) // repeats for frame in range(length - 1)]


@pytest.mark.parametrize("length", [5, 81])
def test_wan_track_moves_the_cell_along_the_track_in_every_latent_frame(
    comfy: ComfyUI, length: int
) -> None:
    graph = {
        "flow": flow_of(comfy, "right", 4.0),
        "tracks": {
            "class_type": "KinographMotionTracks",
            "inputs": {
                **{"flow": ["flow", 0], "target": "ati", "width": WIDE, "height": HIGH},
                **{"length": length, "timing": "spread", "points": 1},
            },
        },
        "vae": {"class_type": "StubVae", "inputs": {}},
        "clip": {
            "class_type": "NoiseClip",
            "inputs": {"frames": 1, "height": HIGH, "width": WIDE, "masks": 1},
        },
        "wan": {
            "class_type": "WanTrackToVideo",
            "inputs": {
                **{"positive": ["vae", 1], "negative": ["vae", 1], "vae": ["vae", 0]},
                **{"tracks": ["tracks", 1], "start_image": ["clip", 0]},
                **{"width": ["tracks", 2], "height": ["tracks", 3], "length": ["tracks", 4]},
                **{"batch_size": 1, "temperature": 20.0, "topk": 1},
            },
        },
        "save": {
            "class_type": "SaveConditions",
            "inputs": {"name": f"tracks_{length}", "positive": ["wan", 0]},
        },
        "text": {"class_type": "PreviewAny", "inputs": {"source": ["tracks", 1]}},
    }
    outputs = comfy.run(graph)
    (track,) = json.loads(outputs["text"]["text"][0])
    assert len(track) == 121
    passed = load_file(comfy.base / "output" / f"tracks_{length}.safetensors")
    # The picture is small, so that a wider spot than the default reaches the next cell's middle.
    mask = passed["concat_mask"][0, 0]  # [T,H/8,W/8]
    assert mask.shape == ((length - 1) // 4 + 1, HIGH // 8, WIDE // 8)
    start = track[0]
    for latent, picture in enumerate(mask[1:], start=1):
        assert picture.min() < 0.5
        row, column = divmod(int(picture.argmin()), WIDE // 8)
        part = sum(points_read(length)[latent * 4 - 4 : latent * 4]) / 4 / 120
        assert column * 8 + 4 == pytest.approx(start["x"] + 8 * 8 * part, abs=9)
        assert row * 8 + 4 == pytest.approx(start["y"], abs=9)


def test_a_still_camera_is_core_s_own_and_its_node_takes_it(comfy: ComfyUI) -> None:
    size = {"width": WIDE, "height": HIGH, "length": 9}
    graph = {
        "flow": flow_of(comfy, "still", 0.0),
        "vae": {"class_type": "StubVae", "inputs": {}},
        "ours": {
            "class_type": "KinographCameraFromFlow",
            "inputs": {"flow": ["flow", 0], **size, "field_of_view": 90.0, "zoom": "lens"},
        },
        "core": {
            "class_type": "WanCameraEmbedding",
            "inputs": {
                **{"camera_pose": "Static", **size, "speed": 1.0, "fx": 0.5, "fy": 0.5 * 16 / 9},
                **{"cx": 0.5, "cy": 0.5},
            },
        },
    }
    for name in ("ours", "core"):
        graph[f"wan_{name}"] = {
            "class_type": "WanCameraImageToVideo",
            "inputs": {
                **{"positive": ["vae", 1], "negative": ["vae", 1], "vae": ["vae", 0]},
                **{"camera_conditions": [name, 0], **size, "batch_size": 1},
            },
        }
        graph[f"save_{name}"] = {
            "class_type": "SaveConditions",
            "inputs": {"name": f"camera_{name}", "positive": [f"wan_{name}", 0]},
        }
    comfy.run(graph)
    ours, core = (
        load_file(comfy.base / "output" / f"camera_{name}.safetensors")["camera_conditions"]
        for name in ("ours", "core")
    )
    assert ours.shape == core.shape == (1, 24, 3, HIGH, WIDE)
    assert torch.allclose(ours, core, atol=1e-5)
