"""Small videos, poses and graphs for the tests of chunked runs."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.files import write_bodies
from kinograph.engines.body.rig import mannequin
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.head.files import write_heads
from kinograph.engines.pose.files import write_poses
from kinograph.engines.pose.poses import Poses
from kinograph.engines.video.clip import Audio, Clip
from kinograph.engines.video.write import write_video
from kinograph.nodes.standin import host
from kinograph.workflows.graph.catalogue import catalogue
from kinograph.workflows.graph.load import parse_graph
from kinograph.workflows.graph.model import Graph
from kinograph.workflows.graph.plan import Plan, check
from made_bodies import moving
from posed_heads import turning_heads

SIZE = (80, 96)


def panning(frames: int, height: int = SIZE[0], width: int = SIZE[1]) -> Tensor:
    """Return frames [F,H,W,3] of a camera that pans over noise; no two frames are the same."""
    made = torch.Generator().manual_seed(0)
    ground = torch.rand(1, 3, height + 20, width + 100, generator=made)
    ground = torch.nn.functional.avg_pool2d(ground, 5, 1, 2)[0]
    places = [(10 + round(9 * math.sin(i / 5)), i * 3 % 100) for i in range(frames)]
    return torch.stack([ground[:, y : y + height, x : x + width].movedim(0, -1) for y, x in places])


def beeps(seconds: float, rate: int = 16000) -> Audio:
    """Return stereo audio with a tone of 0.1 s at every full second."""
    t = torch.arange(int(seconds * rate)) / rate
    wave = 0.5 * torch.sin(2 * torch.pi * 440 * t) * (t % 1 < 0.1)
    return Audio(torch.stack([wave, -wave])[None], rate)


def make_video(
    path: Path, frames: int, rate: Fraction = Fraction(15), *, sound: bool = True
) -> Path:
    """Write a video of `panning` frames with `beeps`; return `path`."""
    audio = beeps(float(frames / rate)) if sound else None
    write_video(path, Clip(panning(frames), rate, audio))
    return path


def make_poses(path: Path, frames: int) -> Path:
    """Write poses of two walking people, of whom one is missing for three frames."""
    made = torch.Generator().manual_seed(1)
    rest = torch.rand(2, 17, 2, generator=made) * torch.tensor([10.0, 30.0])
    way = torch.stack([torch.arange(frames) * 0.7, torch.zeros(frames)], -1)
    start = torch.tensor([[4.0, 6.0], [34.0, 8.0]])
    points = start[:, None] + rest + way[:, None, None] * torch.tensor([1.0, -1.0])[:, None, None]
    seen = torch.rand(frames, 2, 17, generator=made) * 0.6 + 0.4
    seen[1:][torch.rand(frames - 1, 2, 17, generator=made) < 0.1] = 0
    boxes = torch.cat([points.amin(2), points.amax(2)], -1)
    scores = torch.tensor([0.9, 0.7]).expand(frames, 2)
    count = torch.full((frames,), 2)
    count[frames // 2 : frames // 2 + 3] = 1
    there = torch.arange(2) < count[:, None]
    poses = Poses(
        points * there[..., None, None],
        seen * there[..., None],
        boxes * there[..., None],
        scores * there,
        torch.full((frames, 2), -1),
        count,
        SIZE,
        "coco_17",
    )
    write_poses(poses, path, "safetensors")
    return path


def make_bodies(path: Path, frames: int) -> Path:
    """Write two bodies in motion, of whom one is missing for three frames."""
    made = moving(frames)
    size = replace(made, canvas=SIZE, camera=Camera.of_field_of_view(SIZE, 50.0))
    keep = made.present
    keep[frames // 2 : frames // 2 + 3, 0] = False
    bodies: Bodies = size.kept(keep)
    write_bodies(bodies, path, "safetensors", rig=mannequin(), fps=15.0)
    return path


def make_inputs(folder: Path, frames: int) -> Path:
    """Write clip.mp4, poses.safetensors, heads.safetensors, bodies.safetensors and one.png for the
    graphs below; return `folder`."""
    make_video(folder / "clip.mp4", frames)
    write_heads(turning_heads(frames, SIZE), folder / "heads.safetensors", "safetensors")
    make_poses(folder / "poses.safetensors", frames)
    make_bodies(folder / "bodies.safetensors", frames)
    Image.fromarray((panning(1, 30, 50)[0] * 255).byte().numpy()).save(folder / "one.png")
    return folder


def graph_of(nodes: Mapping[str, tuple[str, Mapping[str, Any]]]) -> Graph:
    """Return a graph from class and inputs by node id; defaults fill missing inputs."""
    data = {}
    for id_, (class_type, inputs) in nodes.items():
        schema = catalogue().require(class_type)
        given = {s.id: s.default for s in schema.inputs if s.is_widget and not s.optional}
        options = {s.id: s.options[0] for s in schema.inputs if s.options and s.default is None}
        data[id_] = {"class_type": class_type, "inputs": {**given, **options, **inputs}}
    return parse_graph(json.loads(json.dumps(data)), "test.json")


def planned(graph: Graph, folder: Path) -> tuple[Plan, host.Settings]:
    """Return a graph's plan, and settings with inputs in `folder` and outputs in folder/out."""
    settings = host.Settings(output=folder / "out", inputs=(folder,))
    with host.using(settings):
        return check(graph, catalogue()), settings


def footage(file: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the nodes v (Load Video) and f (Get Video Components)."""
    return {
        "v": ("LoadVideo", {"file": file}),
        "f": ("GetVideoComponents", {"video": ["v", 0]}),
    }


def flow_graph(file: str) -> Graph:
    """Return a graph that draws flow with a running scale and saves it with sound, and tracks poses
    and fills their gaps."""
    return graph_of(
        {
            **footage(file),
            "e": ("KinographEstimateFlow", {"image": ["f", 0], "fps": ["f", 2]}),
            "d": ("KinographDrawFlow", {"flow": ["e", 0], "normalise": "ema"}),
            "c": ("CreateVideo", {"images": ["d", 0], "fps": ["f", 2], "audio": ["f", 1]}),
            "s": ("SaveVideo", {"video": ["c", 0], "filename_prefix": "a/flow"}),
            "n": ("KinographVaceNormalise", {"image": ["d", 0], "length_mode": "cut"}),
            "t": ("KinographSaveVace", {"vace": ["n", 2], "filename_prefix": "vace"}),
            "k": ("KinographSaveFlow", {"flow": ["e", 0], "filename_prefix": "flow"}),
        }
    )


def tracks_graph(file: str) -> Graph:
    """Return a graph that tracks people, fills gaps and smooths forward and backward, that is, in
    two passes, and saves poses in every format, and pictures."""
    forms = ("pose_keypoint", "openpose", "coco", "predictions", "safetensors")
    return graph_of(
        {
            **footage(file),
            "p": ("KinographLoadPoses", {"file": "poses.safetensors", "image": ["f", 0]}),
            "t": ("KinographTrackPoses", {"poses": ["p", 0], "image": ["f", 0]}),
            "g": ("KinographFillPoseGaps", {"poses": ["t", 0], "limit": 4}),
            "m": ("KinographSmoothPoses", {"poses": ["g", 0], "direction": "both"}),
            "d": (
                "KinographDrawSkeleton",
                {"poses": ["m", 0], "background": "footage", "footage": ["f", 0]},
            ),
            "c": ("CreateVideo", {"images": ["d", 0], "fps": ["f", 2], "audio": ["f", 1]}),
            "s": ("SaveVideo", {"video": ["c", 0], "filename_prefix": "tracks"}),
            "x": ("ImageScale", {"image": ["d", 0], "width": 16, "height": 16}),
            "i": ("SaveImage", {"images": ["x", 0], "filename_prefix": "png/small"}),
            "k": (
                "KinographSaveKeypoints",
                {"pose_keypoint": ["p", 1], "filename_prefix": "keypoints"},
            ),
            **{
                form: (
                    "KinographSavePoses",
                    {"poses": ["m", 0], "form": form, "filename_prefix": f"poses/{form}"},
                )
                for form in forms
            },
            # nodes that run once and save
            "o": ("LoadImage", {"image": "one.png"}),
            "j": ("SaveImage", {"images": ["o", 0], "filename_prefix": "still"}),
        }
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder, by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def raising(function: Callable[..., Any], calls: int) -> Callable[..., Any]:
    """Return the function, interrupted before its call of this number."""
    left = [calls]

    def call(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return function(*args, **kwargs)

    return call
