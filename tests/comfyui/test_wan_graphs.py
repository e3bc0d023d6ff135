"""The shared graphs for Wan run in the real ComfyUI up to the nodes that take their outputs."""

import json
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from comfyui_server import ComfyUI
from kinograph.workflows.graph.shipped import MEDIA

pytestmark = pytest.mark.comfyui
FRAMES = 9
VAE = {"class_type": "StubVae", "inputs": {}}
CONDITIONS = {"positive": ["vae", 1], "negative": ["vae", 1], "vae": ["vae", 0]}


def shared(comfy: ComfyUI, name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a shared graph without what it saves, over a few frames, and its ids by title."""
    graph = json.loads((MEDIA.parent / "api" / f"{name}.json").read_text(encoding="utf-8"))
    ends = ("SaveVideo", "SaveImage", "CreateVideo")
    graph = {id_: node for id_, node in graph.items() if node["class_type"] not in ends}
    ids = {node["_meta"]["title"]: id_ for id_, node in graph.items()}
    comfy.place_input(MEDIA / graph[ids["Load Video"]]["inputs"]["file"])
    normalised = graph[next(i for t, i in ids.items() if t.startswith("Size and length"))]
    frames = {"image": normalised["inputs"]["image"], "batch_index": 0, "length": FRAMES}
    graph["few"] = {"class_type": "ImageFromBatch", "inputs": frames}
    normalised["inputs"]["image"] = ["few", 0]
    return graph, ids


def test_tracks_to_wan_moves_cells_in_every_latent_frame(comfy: ComfyUI) -> None:
    graph, ids = shared(comfy, "tracks_to_wan")
    tracks = ids["Motion Tracks"]
    size = {"width": [tracks, 2], "height": [tracks, 3], "length": [tracks, 4]}
    graph["vae"] = VAE
    graph["wan"] = {
        "class_type": "WanTrackToVideo",
        "inputs": {
            **{**CONDITIONS, **size, "tracks": [tracks, 1]},
            **{"start_image": [ids["First frame"], 0]},
            **{"batch_size": 1, "temperature": 220.0, "topk": 2},
        },
    }
    graph["save"] = {
        "class_type": "SaveConditions",
        "inputs": {
            **{"name": "tracks_to_wan", "positive": ["wan", 0]},
            **{"image": [ids["Tracks over the footage"], 0]},
        },
    }
    comfy.run(graph)
    passed = load_file(comfy.base / "output" / "tracks_to_wan.safetensors")
    assert passed["image"].shape == (FRAMES, 480, 480, 3)
    mask = passed["concat_mask"]
    assert mask.shape[2:] == (3, 60, 60)
    assert (mask[0].amin((0, 2, 3)) < 0.5).all()


def test_wan_animate_takes_every_input(comfy: ComfyUI) -> None:
    graph, ids = shared(comfy, "animate_inputs")
    normalised = ids["Size and length of Wan-Animate"]
    size = {"width": [normalised, 2], "height": [normalised, 3], "length": [normalised, 4]}
    person = [ids["Mask of the person"], 0]
    graph["vae"] = VAE
    graph["wan"] = {
        "class_type": "WanAnimateToVideo",
        "inputs": {
            **{**CONDITIONS, **size, "batch_size": 1, "video_frame_offset": 0},
            **{"continue_motion_max_frames": 5, "pose_video": [ids["Poses"], 0]},
            **{"face_video": [ids["Face Crops"], 0], "character_mask": person},
            **{"background_video": [ids["Background"], 0]},
        },
    }
    graph["save"] = {
        "class_type": "SaveConditions",
        "inputs": {
            **{"name": "animate_inputs", "positive": ["wan", 0], "mask": person},
            **{"image": [ids["Background"], 0]},
        },
    }
    comfy.run(graph)
    passed = load_file(comfy.base / "output" / "animate_inputs.safetensors")
    faces = passed["face_video_pixels"]
    assert faces.shape == (1, 3, FRAMES, 512, 512)
    assert (faces.flatten(3).std((1, 3)) > 0.1).all()  # no frame is blank
    assert passed["pose_video_latent"].shape == (1, 16, 3, 60, 60)
    mask, background = passed["mask"], passed["image"]
    reached = passed["concat_mask"][0, :, 1:].transpose(0, 1).flatten(0, 1)[:FRAMES]
    assert torch.equal(reached, mask[:, 4::8, 4::8])  # one latent frame of the reference before
    assert (mask.mean((1, 2)) > 0.05).all()
    assert (background[mask == 1] == 0).all()  # nothing of the person shows
    assert (background[mask == 0].mean() > 0.1).all()
