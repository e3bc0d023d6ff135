"""Headless forms of ComfyUI's core nodes (tests/comfyui compares them with the real ones)."""

import gc
import json
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from kinograph.engines.errors import MediaError
from kinograph.engines.video.read import read_video
from kinograph.nodes.standin import host
from kinograph.workflows.core import core_nodes
from kinograph.workflows.core.image_scale import ImageScale
from kinograph.workflows.core.load_image import LoadImage
from kinograph.workflows.core.load_video import LoadVideo
from kinograph.workflows.core.preview_any import PreviewAny
from kinograph.workflows.core.save_image import SaveImage
from kinograph.workflows.core.save_video import SaveVideo
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.load import load_graph, parse_graph
from kinograph.workflows.graph.model import Graph, graph_as_json


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"])
@pytest.mark.parametrize(("crop", "size"), [("disabled", (20, 30)), ("center", (40, 16))])
def test_image_scale(method: str, crop: str, size: tuple[int, int]) -> None:
    image = torch.rand(2, 32, 48, 3)
    width, height = size
    scaled = ImageScale.execute(image, method, width, height, crop).args[0]
    assert scaled.shape == (2, height, width, 3)
    keep = ImageScale.execute(image, method, 0, 0, crop).args[0]
    assert keep is image
    half = ImageScale.execute(image, method, 24, 0, crop).args[0]
    assert half.shape == (2, 16, 24, 3)


def test_load_image_alpha_is_the_mask(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (6, 4), (255, 0, 0, 255))
    picture.putpixel((2, 1), (0, 255, 0, 0))
    picture.save(tmp_path / "a.png")
    with host.using(host.Settings(inputs=(tmp_path,))):
        image, mask = LoadImage.execute("a.png").args
    assert image.shape == (1, 4, 6, 3)
    assert float(mask[0, 1, 2]) == 1
    assert float(mask.sum()) == 1


def test_load_image_without_alpha_and_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6  # to be turned by a quarter
    Image.new("RGB", (6, 4)).save(tmp_path / "a.jpg", exif=exif)
    image, mask = LoadImage.execute(str(tmp_path / "a.jpg")).args
    assert image.shape == (1, 6, 4, 3)
    assert mask.shape == (1, 64, 64)
    assert not mask.any()


def test_load_image_takes_every_frame_of_an_animation(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (8, 8), (i * 80, 0, 0)) for i in range(3)]
    pages[0].save(tmp_path / "a.gif", save_all=True, append_images=pages[1:])
    image, _ = LoadImage.execute(str(tmp_path / "a.gif")).args
    assert image.shape == (3, 8, 8, 3)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n\x00\x00"])
def test_load_image_that_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"a.png: is not an image, or is damaged"):
        LoadImage.execute(str(path))


def test_save_image_counts_and_cuts_to_bytes(tmp_path: Path) -> None:
    images = torch.full((2, 4, 4, 3), 0.999)
    with host.using(host.Settings(output=tmp_path)):
        for _ in range(2):
            SaveImage.execute(images, "sub/x")
    names = sorted(p.name for p in (tmp_path / "sub").iterdir())
    assert names == [f"x_0000{i}_.png" for i in (1, 2, 3, 4)]
    assert int(np.asarray(Image.open(tmp_path / "sub" / names[0])).max()) == 254


def test_a_video_that_is_passed_through_is_copied(tmp_path: Path, clip_path: Path) -> None:
    with host.using(host.Settings(output=tmp_path)):
        video = LoadVideo.execute(str(clip_path)).args[0]
        SaveVideo.execute(video, "copy", "auto", "auto")
    assert (tmp_path / "copy_00001_.mp4").read_bytes() == clip_path.read_bytes()


@pytest.mark.parametrize(
    ("source", "text"), [("a", "a"), (3, "3"), ({"x": 1}, '{\n    "x": 1\n}'), (Path("/"), "/")]
)
def test_preview_any(source: object, text: str) -> None:
    assert PreviewAny.execute(source).ui.value == text


def test_preview_any_keeps_nothing_of_what_it_shows() -> None:
    gc.disable()  # what only the collection of garbage frees may be gigabytes
    try:
        frames = torch.zeros(1, 2, 2, 3)
        watched = weakref.ref(frames)
        PreviewAny.execute([frames])
        del frames
        assert watched() is None
    finally:
        gc.enable()
    ring: list[object] = []
    ring.append(ring)
    assert PreviewAny.execute(ring).ui.value == "[[...]]"


def test_primitives() -> None:
    by_id = {node.define_schema().node_id: node for node in core_nodes()}
    assert by_id["PrimitiveInt"].execute(3).args == (3,)
    assert by_id["PrimitiveString"].execute("x").args == ("x",)


EDITORS = {"nodes": [{"id": 1, "type": "PrimitiveInt", "title": "ä"}], "version": 0.4}


def graph_that_saves(tmp_path: Path, clip_path: Path) -> Graph:
    Image.new("RGB", (6, 4)).save(tmp_path / "a.png")
    raw = {
        "1": {"class_type": "LoadImage", "inputs": {"image": str(tmp_path / "a.png")}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "p"}},
        "3": {"class_type": "LoadVideo", "inputs": {"file": str(clip_path)}},
        "4": {
            "class_type": "SaveVideo",
            "inputs": {
                **{"video": ["3", 0], "filename_prefix": "copy"},
                **{"format": "auto", "codec": "auto"},
            },
        },
        "5": {"class_type": "CreateVideo", "inputs": {"images": ["1", 0], "fps": "12"}},
        "6": {
            "class_type": "SaveVideo",
            "inputs": {
                **{"video": ["5", 0], "filename_prefix": "made"},
                **{"format": "mp4", "codec": "h264"},
            },
        },
    }
    return parse_graph(raw, "g")


@pytest.mark.parametrize("workflow", [None, EDITORS])
def test_what_is_saved_carries_the_graph(
    tmp_path: Path, clip_path: Path, workflow: dict[str, Any] | None
) -> None:
    graph = replace(graph_that_saves(tmp_path, clip_path), workflow=workflow)
    report = run_graph(graph, host.Settings(output=tmp_path / "out"))
    assert report.ok
    wanted = graph_as_json(graph)
    wanted["5"]["inputs"]["fps"] = 12.0  # as it was run
    for path in report.files:
        if path.suffix == ".png":
            with Image.open(path) as image:
                carried = dict(image.text)  # type: ignore[attr-defined]
        else:
            with av.open(str(path)) as container:
                carried = dict(container.metadata)
        assert json.loads(carried["prompt"]) == wanted
        assert ("workflow" in carried) == (workflow is not None)
        if workflow is not None:
            assert json.loads(carried["workflow"]) == workflow
        assert load_graph(path).nodes == parse_graph(wanted, "g").nodes  # and runs from there


def test_a_copied_video_keeps_its_frames_and_sound(tmp_path: Path, clip_path: Path) -> None:
    report = run_graph(
        graph_that_saves(tmp_path, clip_path), host.Settings(output=tmp_path / "out")
    )
    copy = next(path for path in report.files if path.name.startswith("copy"))

    def packets(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(p) for p in container.demux() if p.dts is not None]

    assert packets(copy) == packets(clip_path)
    before, after = read_video(clip_path), read_video(copy)
    assert torch.equal(before.frames, after.frames)
    assert before.rate == after.rate


def test_another_file_under_the_same_name_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (6, 4)).save(path)
    before = LoadImage.fingerprint_inputs(image=str(path))
    assert LoadImage.fingerprint_inputs(image=str(path)) == before
    Image.new("RGB", (7, 4)).save(path)
    assert LoadImage.fingerprint_inputs(image=str(path)) != before
