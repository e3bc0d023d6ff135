"""The real WanAnimateToVideo takes the masks of Masks of People, frame by frame."""

import json

import pytest
import torch
from safetensors.torch import load_file

from comfyui_server import ComfyUI
from kinograph.engines.pose.files import write_poses
from masked_people import CANVAS, walking

pytestmark = pytest.mark.comfyui

HIGH, WIDE = CANVAS
SETTINGS = {
    **{"tracks": "", "margin": 10.0, "grow": 0, "feather": 0, "hold": 4, "in_front": "size"},
    **{"mode": "animation", "picture": "driving", "width": 0, "height": 0, "fit": "stretch"},
}


def test_wan_animate_generates_where_people_are(comfy: ComfyUI) -> None:
    """The mask reaches the model at the pixel in the middle of each of its cells."""
    poses = walking((60.0, 12.0), (240.0, -12.0), frames=9)
    write_poses(poses, comfy.base / "input" / "people.safetensors", "safetensors")
    size = {"width": WIDE, "height": HIGH, "length": 9}
    graph = {
        "poses": {"class_type": "KinographLoadPoses", "inputs": {"file": "people.safetensors"}},
        "masks": {
            "class_type": "KinographMasksOfPeople",
            "inputs": {"poses": ["poses", 0], **SETTINGS},
        },
        "vae": {"class_type": "StubVae", "inputs": {}},
        "wan": {
            "class_type": "WanAnimateToVideo",
            "inputs": {
                **{"positive": ["vae", 1], "negative": ["vae", 1], "vae": ["vae", 0], **size},
                **{"batch_size": 1, "character_mask": ["masks", 0], "video_frame_offset": 0},
                **{"continue_motion_max_frames": 5, "background_video": ["masks", 1]},
            },
        },
        "save": {
            "class_type": "SaveConditions",
            "inputs": {
                **{"name": "masks", "positive": ["wan", 0]},
                **{"image": ["masks", 1], "mask": ["masks", 0]},
            },
        },
        "first": {"class_type": "MaskPreview", "inputs": {"mask": ["masks", 2]}},
        "second": {"class_type": "MaskPreview", "inputs": {"mask": ["masks", 3]}},
        "initial": {"class_type": "MaskPreview", "inputs": {"mask": ["masks", 4]}},
        "points": {"class_type": "PreviewAny", "inputs": {"source": ["masks", 5]}},
    }
    outputs = comfy.run(graph)
    passed = load_file(comfy.base / "output" / "masks.safetensors")
    mask, coloured = passed["mask"], passed["image"]
    assert mask.shape == (9, HIGH, WIDE)
    assert set(coloured.unique().tolist()) == {0.0, 1.0}
    reached = passed["concat_mask"]
    assert reached.shape == (1, 4, 4, HIGH // 8, WIDE // 8)  # one latent frame of the reference
    by_frame = reached[0, :, 1:].transpose(0, 1).flatten(0, 1)[:9]
    assert torch.equal(by_frame, mask[:, 4::8, 4::8])
    assert by_frame.flatten(1).any(1).all()
    assert len(outputs["initial"]["images"]) == 2
    for name in ("first", "second"):
        assert len(outputs[name]["images"]) == 1
    for point in json.loads(outputs["points"]["text"][0]):
        assert mask[0, point["y"], point["x"]] == 1
