"""The nodes for motion tracks, and what they say."""

from pathlib import Path
from typing import Any

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.flow.flow import Flow
from kinograph.engines.motion_tracks.tracks import MotionTracks
from kinograph.engines.render.tracks.dots import draw_dots
from kinograph.nodes.api import io
from kinograph.nodes.tracks.camera import CameraFromFlow
from kinograph.nodes.tracks.draw import DrawTracks
from kinograph.nodes.tracks.edit import EditTracks
from kinograph.nodes.tracks.motion import FollowPoints

SIZE = (48, 64)


def run(node: type[io.ComfyNode], **inputs: Any) -> tuple[tuple[Any, ...], str]:
    """The outputs and the text, with the defaults for what is not given."""
    defaults = {
        spec.id: spec.default for spec in node.define_schema().inputs if spec.default is not None
    }
    out = node.execute(**{**defaults, **inputs})
    assert len(out.args) == len(node.define_schema().outputs)
    return out.args, out.ui.value


def shifting(pairs: int = 8) -> Flow:
    """Everything moves right by 2 px a frame."""
    forward = torch.zeros(pairs, 2, *SIZE)
    forward[:, 0] = 2
    return Flow(forward, -forward)


def test_motion_tracks() -> None:
    (tracks, text, width, height, length), said = run(
        FollowPoints, flow=shifting(), points=12, width=128, height=96, length=17
    )
    assert (width, height, length) == (128, 96, 17)
    assert tracks["track_path"].shape == (17, 12, 2)
    assert tracks["track_path"][-1, 0, 0] - tracks["track_path"][0, 0, 0] == pytest.approx(32)
    assert text.startswith('[[{"x":16.0,"y":16.0},{"x":18.0,"y":16.0}')
    assert said == "12 tracks, 17 frames of 128x96; 9 visible throughout"
    with pytest.raises(InputError, match="exactly one"):
        run(FollowPoints)


def test_draw_tracks_over_footage_and_as_dots() -> None:
    (tracks, *_), _ = run(FollowPoints, flow=shifting(), points=4)
    footage = torch.full((9, *SIZE, 3), 0.5)
    (image,), _ = run(DrawTracks, tracks=tracks, look="trails", footage=footage)
    assert image.shape == (9, *SIZE, 3)
    x, y = tracks["track_path"][5, 0].tolist()
    assert image[5, int(y), int(x)].tolist() != [0.5] * 3
    assert image[5, int(y), int(x) + 8].tolist() == pytest.approx([0.5] * 3)
    assert image[5, int(y), int(x) - 7].tolist() != [0.5] * 3  # its tail
    with pytest.raises(InputError, match="expected the 9 frames of the tracks, found 5"):
        run(DrawTracks, tracks=tracks, look="trails", footage=footage[:5])


def test_dots_are_largest_and_blue_where_they_are_new() -> None:
    path = torch.stack([torch.linspace(20, 340, 60), torch.full((60,), 44.5)], 1)[:, None]
    tracks = MotionTracks(path, torch.ones(60, 1, dtype=torch.bool), (270, 360))
    image = draw_dots(tracks, start=59, count=1)[0]
    new, old = path[59, 0, 0].int().item(), path[12, 0, 0].int().item()
    assert image[44, new].tolist() == pytest.approx([0, 0, 1], abs=0.05)
    assert image[44, old, 0] > image[44, old, 2]
    assert not image[:, : path[8, 0, 0].int().item() - 1].any()  # older than 50 frames
    thick = (image.amax(-1) > 0.5).sum(0)
    assert thick[new] > thick[old] >= 0


def test_a_picture_that_moves_left_is_a_camera_that_turns_right() -> None:
    forward = torch.zeros(8, 2, *SIZE)
    forward[:, 0] = -2
    (embedding, *size), said = run(CameraFromFlow, flow=Flow(forward), width=32, height=16)
    assert embedding.shape == (1, 24, 3, 16, 32)
    assert size == [32, 16, 9]
    assert embedding.view(6, 4, 3, 16, 32)[3, 3, 2, 8, 16] > 0.2  # the last ray leads to the right
    assert said.startswith("from the first to the last frame: +1")
    assert said.endswith("none as translation")


@pytest.mark.parametrize("node", [FollowPoints, EditTracks, DrawTracks, CameraFromFlow])
def test_help_pages_tell_the_schema(node: type[io.ComfyNode], root: Path) -> None:
    schema = node.define_schema()
    page = (root / "nodes" / "web" / "docs" / f"{schema.node_id}.md").read_text()
    assert page.startswith(f"# {schema.display_name}\n\n{schema.description}\n\n")
    for spec in (*schema.inputs, *schema.outputs):
        assert spec.tooltip.endswith(".")
        assert f": {spec.tooltip}\n" in page
