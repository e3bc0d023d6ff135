"""The shared graphs run by the button of the real editor, which shows results and can stop."""

import json
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from browser import Frontend
from kinograph.engines.video.clip import Clip
from kinograph.engines.video.read import read_video
from kinograph.engines.video.write import write_video
from kinograph.workflows.graph.load import load_graph
from kinograph.workflows.graph.shipped import MEDIA

pytestmark = pytest.mark.comfyui
WORKFLOWS = MEDIA.parent
FOOTAGE = MEDIA / "kinograph_two_people.mp4"
SHARED = sorted(path.stem for path in (WORKFLOWS / "api").glob("*.json"))
# Graphs whose picture, in the README or the template browser, is the canvas itself.
PICTURED = {
    "pose_over_flow": ".github/canvas.jpg",
    "build_and_benchmark": "workflows/build_and_benchmark.jpg",
}

WATCH = """() => {
    window.seen = {progress: 0, done: 0, errors: []}
    const api = window.comfyAPI.api.api
    api.addEventListener("progress_state", () => { window.seen.progress++ })
    api.addEventListener("executing", e => { if (e.detail === null) window.seen.done++ })
    api.addEventListener("execution_success", () => { window.seen.done++ })
    api.addEventListener("execution_interrupted", () => { window.seen.stopped = true })
    api.addEventListener("execution_error", e => window.seen.errors.push(e.detail))
}"""
ONE_BACKEND = """() => app.rootGraph._nodes.filter(n => n.type === "KinographBenchmark")
    .forEach(n => { n.widgets.find(w => w.name === "backend").value = "torch" })"""
# ComfyUI shows nothing for results cached from an earlier graph, so the graphs differ a little.
OWN = """number => app.rootGraph._nodes.filter(n => n.type === "KinographDetectPoses")
    .map(n => n.widgets.find(w => w.name === "score_threshold"))
    .forEach(w => { w.value = 0.2 - number / 1e3 })"""
OTHER_CLIP = """name => app.rootGraph._nodes.filter(n => n.type === "LoadVideo")
    .map(n => n.widgets.find(w => w.name === "file"))
    .forEach(w => { w.value = name })"""
# Whether these nodes show pictures that have been loaded.
SHOWN = """ids => ids.every(id => app.rootGraph._nodes.some(
    n => String(n.id) === id && n.imgs?.length && n.imgs[0].naturalWidth))"""


@pytest.fixture(scope="module")
def editor(editor: Frontend) -> Frontend:
    # Without a GPU the browser draws on the CPU, which the nodes need: keep the window small.
    editor.page.set_viewport_size({"width": 800, "height": 500})
    editor.page.evaluate(WATCH)
    return editor


def shared(name: str) -> dict[str, Any]:
    graph: dict[str, Any] = json.loads((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))
    return graph


def press(editor: Frontend, timeout: float = 240) -> dict[str, Any]:
    """Press the button, wait for the end of the run, and return the recorded events."""
    before = editor.page.evaluate("window.seen.done")
    editor.queue()
    editor.page.wait_for_function(
        "before => window.seen.done > before || window.seen.errors.length || window.seen.stopped",
        arg=before,
        timeout=timeout * 1000,
    )
    seen: dict[str, Any] = editor.page.evaluate("window.seen")
    return seen


def footage_of(name: str) -> Path:
    """Return what a shared graph reads, or the clip of two people if it reads nothing."""
    nodes = load_graph(WORKFLOWS / "api" / f"{name}.json").nodes.values()
    own = [MEDIA / str(n.inputs["file"]) for n in nodes if n.class_type == "LoadVideo"]
    return own[0] if own else FOOTAGE


def short(folder: Path, footage: Path) -> str:
    """Write the first frames of a graph's footage; return the file's name."""
    name = f"{footage.stem}_short.mp4"
    write_video(folder / name, Clip(read_video(footage).frames[:8], Fraction(15)))
    return name


def small(folder: Path, footage: Path) -> str:
    """Write frames so small that they are upscaled at once without a GPU; return the name."""
    write_video(folder / "kinograph_small.mp4", Clip(torch.rand(4, 32, 48, 3), Fraction(15)))
    return "kinograph_small.mp4"


@pytest.mark.parametrize("name", SHARED)
def test_each_shared_graph_runs_by_its_button(
    name: str, editor: Frontend, root: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    editor.load(shared(name), name)
    editor.errors.clear()
    if not request.config.getoption("--update-golden"):
        editor.page.evaluate(ONE_BACKEND)  # compiling takes minutes
    editor.page.evaluate(OWN, SHARED.index(name))
    upscales = "KinographUpscaleImages" in json.dumps(shared(name))
    whole = name == "pose_to_vace" or request.config.getoption("--update-golden")
    if upscales or not whole:  # One graph runs on all of the footage.
        clip = small if upscales else short
        editor.page.evaluate(OTHER_CLIP, clip(editor.server.base / "input", footage_of(name)))
    seen = press(editor)
    assert seen["errors"] == []
    assert seen["progress"] > 0
    editor.fit()
    graph = load_graph(WORKFLOWS / f"{name}.json")
    drawn = {
        node.id
        for node in graph.nodes.values()
        if node.class_type in ("KinographDrawSkeleton", "KinographDrawFlow", "KinographVacePreview")
    }
    editor.page.wait_for_function(SHOWN, arg=sorted(drawn), timeout=30_000)
    assert editor.errors == []
    editor.screenshot(tmp_path / f"{name}.png")
    if name in PICTURED and request.config.getoption("--update-golden"):
        _picture_of_the_canvas(editor, root / PICTURED[name], tmp_path)


def _picture_of_the_canvas(editor: Frontend, path: Path, scratch: Path) -> None:
    """Save a picture of a window so large that the editor draws the text of the nodes."""
    page = editor.page
    small = page.viewport_size
    assert small is not None
    square = path.parent == WORKFLOWS  # a card of the template browser
    page.set_viewport_size({"width": 1400 if square else 2600, "height": 1250})
    page.wait_for_timeout(1500)  # until the canvas has this size
    editor.fit()
    page.wait_for_timeout(1500)
    with Image.open(editor.screenshot(scratch / "canvas.png")) as picture:
        seen = picture.convert("RGB")
        if square:
            seen = seen.crop((100, 150, 1200, 1250)).resize((640, 640))
        seen.save(path, quality=80)
    page.set_viewport_size(small)


def test_a_saved_picture_brings_its_graph_back(editor: Frontend, tmp_path: Path) -> None:
    """Both for a picture that ComfyUI saved and for one from `kinograph run`."""
    from kinograph.workflows.cli import main

    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "kinograph_astronaut.jpg"}},
        "2": {
            "class_type": "SaveImage",
            "inputs": {"images": ["1", 0], "filename_prefix": "astronaut"},
        },
    }
    (tmp_path / "graph.json").write_text(json.dumps(graph))
    assert main(["run", str(tmp_path / "graph.json"), "--output-dir", str(tmp_path)]) == 0
    editor.server.run(graph)
    theirs = editor.server.base / "output" / "astronaut_00001_.png"
    for path in (tmp_path / "astronaut_00001_.png", theirs):
        editor.page.evaluate("app.rootGraph.clear()")
        editor.drop(path)
        editor.page.wait_for_function("app.rootGraph._nodes.length === 2", timeout=10_000)
        made = editor.prompt()
        assert {n["class_type"] for n in made.values()} == {"LoadImage", "SaveImage"}


def test_a_saved_video_brings_its_graph_back(editor: Frontend, tmp_path: Path) -> None:
    from kinograph.workflows.cli import main

    path = WORKFLOWS / "keypoints_and_back.json"
    arguments = ["run", str(path), "--output-dir", str(tmp_path), "--device", "cpu"]
    assert main(arguments) == 0
    editor.page.evaluate("app.rootGraph.clear()")
    editor.drop(tmp_path / "from_keypoints_00001_.mp4")
    count = len(shared("keypoints_and_back")["nodes"])  # the editor's format includes the note
    editor.page.wait_for_function(
        "count => app.rootGraph._nodes.length === count", arg=count, timeout=10_000
    )


# What the nodes of the open workflow show: texts, pictures, and outputs that the editor keeps.
SHOWING = """() => app.rootGraph._nodes.filter(n => n.type.startsWith("Kinograph")).map(n => [
    n.type,
    (n.widgets ?? []).flatMap(w => w.kinographLines ?? []).join("\\n"),
    n.imgs?.length ?? 0,
    JSON.stringify(app.nodeOutputs[n.id] ?? null)])"""


def test_a_run_shows_nothing_on_the_nodes_of_another_tab(editor: Frontend) -> None:
    """Both workflows have nodes of the same ids; only that which was queued shows the run."""
    graph = shared("keypoints_and_back")
    editor.load(graph, "queued")
    editor.page.evaluate(OWN, 50)
    page = editor.page
    page.evaluate(
        """() => { window.told = 0
            window.comfyAPI.api.api.addEventListener("kinograph.progress", () => window.told++) }"""
    )
    before = page.evaluate("window.seen.done")
    editor.queue()
    page.wait_for_function("window.told > 0 || window.seen.errors.length", timeout=240_000)
    editor.load(graph, "another")
    page.wait_for_function(
        "before => window.seen.done > before || window.seen.errors.length",
        arg=before,
        timeout=240_000,
    )
    page.wait_for_timeout(500)
    assert page.evaluate("window.seen.errors") == []
    nothing = {type_: ("", 0, "null") for type_, *_ in page.evaluate(SHOWING)}
    assert {type_: tuple(rest) for type_, *rest in page.evaluate(SHOWING)} == nothing
    page.get_by_test_id("workflow-tab").filter(has_text="queued").click()
    page.wait_for_timeout(1500)
    there = {type_: text for type_, text, *_ in page.evaluate(SHOWING)}
    assert there["KinographDetectPoses"].startswith("33 frames")
    assert there["KinographBuildEngine"]


def test_the_stop_button_stops(editor: Frontend) -> None:
    """A slow graph is interrupted, and the next graph runs as usual."""
    graph = shared("pose_to_vace")
    editor.load(graph, "long")
    editor.page.evaluate(
        """() => { const detect = app.rootGraph._nodes.find(n => n.type === "KinographDetectPoses")
            detect.widgets.find(w => w.name === "detection_size").value = 1024
            detect.widgets.find(w => w.name === "second_pass").value = true }"""
    )
    before = editor.page.evaluate("window.seen.progress")
    editor.queue()
    editor.page.wait_for_function(
        "before => window.seen.progress > before + 3", arg=before, timeout=60_000
    )
    pressed = time.monotonic()
    editor.page.evaluate("window.comfyAPI.api.api.interrupt()")
    editor.page.wait_for_function("window.seen.stopped === true", timeout=30_000)
    assert time.monotonic() - pressed < 10
    editor.page.evaluate("window.seen.stopped = false")
    editor.load(graph, "again")
    assert press(editor)["errors"] == []
