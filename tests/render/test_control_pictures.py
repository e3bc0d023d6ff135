"""The pictures of docs/controls.md, drawn from the shipped clip by `--update-golden`."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from kinograph.engines.flow.estimate import estimate_flow
from kinograph.engines.geometry.placement import fit_images
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.render.choices import NOISE_FLOOR
from kinograph.engines.render.flow_colours import flow_colours
from kinograph.engines.render.flow_scales import flow_scales
from kinograph.engines.render.skeleton import draw_skeletons
from kinograph.engines.runtime.engine import Engine
from kinograph.engines.vace.masks import mask_clip
from kinograph.engines.video.clip import Clip

FRAME = 12
SIZE = (186, 332)  # px of each of the two pictures side by side
NAMES = ("openpose", "wan_animate", "flow", "people")


@pytest.fixture(scope="module")
def controls(clip: Clip, engine: Engine) -> dict[str, Tensor]:
    """The controls of one frame [H,W,3] by name, and the frame itself."""
    pair = clip.frames[FRAME : FRAME + 2]
    poses = detect_poses(pair[:1], engine)
    flow = estimate_flow(pair).main
    scales, _ = flow_scales(flow, "clip", floor=2 * NOISE_FLOOR)
    skeletons = {
        name: draw_skeletons(poses, style=name)[0][0] for name in ("openpose", "wan_animate")
    }
    return {
        "frame": pair[0],
        **skeletons,
        "flow": flow_colours(flow, scales, floor=NOISE_FLOOR)[0],
        "people": mask_clip(pair[:1], generate="boxes", boxes=poses, margin=0.1).image[0],
    }


@pytest.mark.parametrize("name", NAMES)
def test_pictures_show_what_is_drawn(
    name: str, controls: dict[str, Tensor], root: Path, request: pytest.FixtureRequest
) -> None:
    both = torch.stack([controls["frame"], controls[name]])
    small = fit_images(both, SIZE, "crop", fill=0.0).clamp(0, 1)
    pixels = (torch.cat([*small], 1) * 255).round().byte().numpy()
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
