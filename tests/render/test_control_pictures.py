"""The pictures of docs/controls.md, drawn from the shipped clip by `--update-golden`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from kinograph.engines.flow.estimate import estimate_flow
from kinograph.engines.geometry.placement import fit_images
from kinograph.engines.models.registry import resolve
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.render.choices import NOISE_FLOOR
from kinograph.engines.render.flow_colours import flow_colours
from kinograph.engines.render.flow_scales import flow_scales
from kinograph.engines.render.skeleton import draw_skeletons
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of
from kinograph.engines.vace.masks import mask_clip
from kinograph.engines.video.clip import Clip
from kinograph.engines.video.read import read_video
from kinograph.nodes.api import io
from kinograph.nodes.body.detect import DetectBodies
from kinograph.nodes.body.draw_skeleton import DrawSkeleton3D
from kinograph.nodes.head.crops import FaceCrops
from kinograph.nodes.pose.add_hands_and_face import AddHandsAndFace
from kinograph.nodes.render.people_masks import PeopleMasks
from kinograph.nodes.tracks.camera import CameraFromFlow
from kinograph.nodes.tracks.draw import DrawTracks
from kinograph.nodes.tracks.motion import FollowPoints
from kinograph.workflows.graph.shipped import MEDIA

FRAME = 12
MOVING = MEDIA / "kinograph_astronaut_moving.mp4"
SIZE = (186, 332)  # px of each of the two pictures side by side
STYLES = ("openpose", "wan_animate")
OF_MOVING = ("face", "tracks", "ltx_dots", "camera")
NAMES = (*STYLES, "sdpose", "scail", "flow", "people", "masks", *OF_MOVING)


def by_default(node: type[io.ComfyNode]) -> dict[str, Any]:
    """Return the defaults of a node's inputs."""
    inputs = node.define_schema().inputs
    return {spec.id: spec.default for spec in inputs if spec.default is not None}


def first(node: type[io.ComfyNode], **inputs: Any) -> Any:
    """Return the first output of a node, with its defaults for what is not given."""
    return node.execute(**{**by_default(node), **inputs}).args[0]


def in_torch(name: str) -> Engine:
    """Return an engine of an included network that needs no export."""
    model = resolve(name)
    return build_engine(model, network_of(model), backend="torch", device="cpu")


@pytest.fixture(scope="module")
def controls(clip: Clip, engine: Engine) -> dict[str, Tensor]:
    """The controls of one frame [H,W,3] by name, and the frame itself."""
    pair = clip.frames[FRAME : FRAME + 2]
    poses = detect_poses(pair[:1], engine)
    looks = {"hand_engine": in_torch("mediapipe_hand"), "face_engine": in_torch("mediapipe_face")}
    whole = first(AddHandsAndFace, image=pair[:1], poses=poses, **looks)
    numbered = replace(poses, track_ids=torch.arange(poses.track_ids.shape[1])[None])
    bodies = first(DetectBodies, image=pair[:1], engine=in_torch("blazepose"), poses=poses)
    flow = estimate_flow(pair).main
    scales, _ = flow_scales(flow, "clip", floor=2 * NOISE_FLOOR)
    moving = read_video(MOVING).frames[:9]
    near = detect_poses(moving[-1:], engine)
    near = first(AddHandsAndFace, image=moving[-1:], poses=near, **looks)
    both = estimate_flow(moving, direction="both", preset="fast")
    tracks = first(FollowPoints, flow=both, target="any", points=64)
    rays = first(CameraFromFlow, flow=both)[0, 15::4, -1]
    return {
        "frame": pair[0],
        **{name: draw_skeletons(poses, style=name)[0][0] for name in STYLES},
        "sdpose": draw_skeletons(whole, style="sdpose", size=(571, 1024))[0][0],
        "scail": first(DrawSkeleton3D, bodies=bodies, poses=whole)[0],
        "flow": flow_colours(flow, scales, floor=NOISE_FLOOR)[0],
        "masks": PeopleMasks.execute(**by_default(PeopleMasks), poses=numbered).args[1][0],
        "people": mask_clip(pair[:1], generate="boxes", boxes=poses, margin=0.1).image[0],
        "face": first(FaceCrops, image=moving[-1:], poses=near)[0],
        "tracks": first(DrawTracks, tracks=tracks, footage=moving)[-1],
        "ltx_dots": first(DrawTracks, tracks=tracks, look="ltx_dots")[-1],
        "camera": (rays.movedim(0, -1) + 1) / 2,
        "moving": moving[-1],
    }


@pytest.mark.parametrize("name", NAMES)
def test_pictures_show_what_is_drawn(
    name: str, controls: dict[str, Tensor], root: Path, request: pytest.FixtureRequest
) -> None:
    small = [
        fit_images(controls[each][None], SIZE, fit, fill=0.0)[0].clamp(0, 1)
        for each, fit in (
            ("moving" if name in OF_MOVING else "frame", "letterbox"),
            (name, "letterbox"),
        )
    ]
    pixels = (torch.cat(small, 1) * 255).round().byte().numpy()
    path = root / "docs" / "controls" / f"{name}.jpg"
    if request.config.getoption("--update-golden"):
        Image.fromarray(pixels).save(path, quality=85, optimize=True)
    wanted = np.asarray(Image.open(path)).astype(float)
    assert wanted.shape == pixels.shape
    error = float(np.sqrt(((pixels - wanted) ** 2).mean()) / 255)
    assert error <= 0.03, f"{name}: root mean square error {error:.4f}"
    assert path.stat().st_size < 50_000


def test_the_page_shows_each(root: Path) -> None:
    text = (root / "docs" / "controls.md").read_text("utf-8")
    assert all(f"](controls/{name}.jpg)" in text for name in NAMES)
    assert {path.stem for path in (root / "docs" / "controls").iterdir()} == set(NAMES)
