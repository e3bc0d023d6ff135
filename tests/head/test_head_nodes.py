"""Nodes that draw, save, load and measure heads: what they show and what they refuse."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.head.heads import Heads
from kinograph.nodes.head.load import LoadHeads
from kinograph.nodes.head.save import SaveHeads
from kinograph.nodes.head.statistics import HeadStatistics
from kinograph.nodes.render.heads import DrawHeads
from kinograph.nodes.standin import host
from posed_heads import SIZE, turning_heads

DRAWN = {
    "style": "axes",
    "width": 0,
    "height": 0,
    "fit": "stretch",
    "line_width": 0.0,
    "dot_radius": 0.0,
    "colours": "style",
    "antialias": True,
    "background": "black",
}


def test_draw_heads() -> None:
    output = DrawHeads.execute(turning_heads(3), **{**DRAWN, "width": 80})
    image, mask, face = output.args
    assert image.shape == (3, 60, 80, 3)
    assert mask.shape == face.shape == (3, 60, 80)
    assert output.ui.value == "3 frames of 80x60"
    nobody = Heads.empty(2, SIZE, Camera.of_field_of_view(SIZE))
    shown = DrawHeads.execute(nobody, **DRAWN).ui
    assert shown.warnings == ("no frame contains heads; nothing is drawn",)
    untracked = turning_heads(2, tracks=False)
    shown = DrawHeads.execute(untracked, **{**DRAWN, "colours": "track"}).ui
    assert "put Track Heads before this node" in shown.warnings[0]
    for footage, message in (
        (None, "background is footage, but no frames are connected"),
        (torch.full((2, *SIZE, 3), torch.nan), "footage: the pixels hold NaN"),
    ):
        with pytest.raises(InputError, match=message):
            DrawHeads.execute(untracked, **{**DRAWN, "background": "footage"}, footage=footage)


@pytest.mark.parametrize("form", ["json", "safetensors"])
def test_what_is_saved_is_loaded(form: str, tmp_path: Path) -> None:
    heads = replace(turning_heads(4), landmarks=torch.zeros(4, 2, 0, 3))
    with host.using(host.Settings(output=tmp_path, inputs=(tmp_path,))):
        saved = SaveHeads.execute(heads, form, "a/heads", 0.0).ui.value
        output = LoadHeads.execute(f" a/{Path(saved).name} ")
        with pytest.raises(InputError, match="no such file or folder"):
            LoadHeads.execute("b.json")
    assert output.ui.value == "4 frames of 160x120, 7 heads, without landmarks"
    assert torch.equal(output.args[0].rotation, heads.rotation)


def test_head_statistics() -> None:
    output = HeadStatistics.execute(turning_heads(3))
    text, share = output.args
    assert share == 1.0
    assert [row["track"] for row in json.loads(text)["tracks"]] == [1, 2]
    assert output.ui.value.startswith("3 frames, 3 frames with heads (100.0%)")
    assert output.ui.warnings == ()
    (warning,) = HeadStatistics.execute(turning_heads(3, tracks=False)).ui.warnings
    assert "put Track Heads before this node" in warning
