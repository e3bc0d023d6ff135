"""The shared graphs in the editor's format open in the real editor and equal their API format.

`--update-golden` writes them: the editor opens the API format, lays it out and saves it.
"""

import json
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from browser import Frontend
from comfyui_server import ComfyUI
from kinograph.workflows.graph.catalogue import catalogue
from kinograph.workflows.graph.dynamic import present
from kinograph.workflows.graph.editor.nodes import start_value
from kinograph.workflows.graph.load import load_graph
from kinograph.workflows.graph.shipped import MEDIA
from layout import ARRANGE, GROUP, NOTE, ROOM, SIZES

pytestmark = pytest.mark.comfyui
WORKFLOWS = MEDIA.parent
API = sorted((WORKFLOWS / "api").glob("*.json"))

WIDE = {"PreviewAny": [380, 220]}
ABOUT = {
    "pose_to_vace": "People in footage, drawn as the control video of a VACE model.",
    "flow_to_vace": "The motion of every pixel, drawn as the control video of a VACE model.",
    "pose_over_flow": "Skeletons over optical flow: two controls in one video.",
    "tracked_poses_to_vace": "Poses that keep their person, without gaps and jitter.",
    "character_replacement": "One man's place is generated: by his skeleton, with a reference "
    "image of who takes it. The rest of the footage is kept.",
    "keypoints_and_back": "Poses as keypoints in JSON, for other packs, and back again.",
    "upscale": "A clip at four times its size, with its sound; Upscale Images has any other size.",
    "mask_on_heads": "Every face wears a mask that turns with the head. A table of the heads' "
    "angles lies beside the video. Draw Mesh on Heads also has glasses, and takes your meshes.",
    "body_mesh": "Every body in 3D: as a mesh over the footage, as depth and normals for VACE, and "
    "its motion as BVH and GLB. The table of Body Statistics says how steady it is.",
    "infer_render_enhance": "Finds heads, draws masks on them and enlarges the clip, in one pass.",
    "whole_body_to_vace": "Skeletons with hands and faces, found by the included networks.",
    "scail_masks": "The coloured masks of SCAIL-2, for replacing people: of a driving video and of "
    "a reference image. Connect the image of Control Normalise to pose_video of WanSCAILToVideo, "
    "coloured to pose_video_mask, and that of the reference image to reference_image_mask.",
    "talking_masks": "A mask for each of two people in a start image. Connect mask_1 and mask_2 to "
    "WanInfiniteTalkToVideo, with the image, width and height of Control Normalise.",
    "tracks_to_wan": "Points followed through a clip, for models that take motion tracks. Connect "
    "tracks of Motion Tracks to WanMoveTrackToVideo or text to WanTrackToVideo, with width, height "
    "and length. Your start image should show what moves at the same places as the first frame.",
    "animate_inputs": "What Wan-Animate takes of one person. Connect Poses to pose_video of "
    "WanAnimateToVideo, crops of Face Crops to face_video, Background to background_video, mask of "
    "Masks of People to character_mask, and width, height and length of Control Normalise. Leave "
    "background and mask away to animate the reference image in its own place.",
    "build_and_benchmark": "Builds an engine, and measures the backends of this machine.",
}
VACE = (
    "Connect VACE Normalise to WanVaceToVideo: image to control_video, mask to control_masks, "
    "reference_image to reference_image, width, height and length to theirs."
)
FILES = "Kinograph has put the footage into ComfyUI's input folder: press Run, then load your own."


def about(name: str, graph: dict[str, Any]) -> str:
    classes = {node["class_type"] for node in graph.values()}
    parts = [f"**{ABOUT[name]}**"]
    parts += [VACE] if "KinographVaceNormalise" in classes else []
    parts += [FILES] if classes & {"LoadVideo", "LoadImage"} else []
    return "\n\n".join(parts)


GROUPS = ("Load", "Analyse", "Draw", "Prepare for VACE and save")
COLOURS = ("#3f789e", "#88a", "#8a8", "#b58b2a")


def stage(class_type: str) -> int:
    """The group of a node: what loads, looks, draws, or is an end."""
    name = class_type.removeprefix("Kinograph")
    if name.startswith(("Load", "Build", "GetVideo", "ImageFrom", "ControlNormalise", "Empty")):
        return 0
    if name.startswith(("Save", "Create", "Preview", "VaceNormalise", "VacePreview")):
        return 3
    return 2 if name.startswith(("Draw", "Vace", "Upscale", "Masks", "MaskTo")) else 1


def groups(graph: dict[str, Any]) -> list[tuple[str, list[str], str]]:
    """The title, the nodes and the colour of each group that a graph has."""
    found = []
    for number, (title, colour) in enumerate(zip(GROUPS, COLOURS, strict=True)):
        ids = [id_ for id_, node in graph.items() if stage(node["class_type"]) == number]
        vace = any("KinographVace" in graph[id_]["class_type"] for id_ in ids)
        saved = any("Save" in graph[id_]["class_type"] for id_ in ids)
        if number == 3 and not vace:
            title = "Save" if saved else "Results"
        if number == 2 and all("Upscale" in graph[id_]["class_type"] for id_ in ids):
            title = "Upscale"
        if ids:
            found.append((title, ids, colour))
    return found


def filled(nodes: Iterable[tuple[str, str, Mapping[str, Any]]]) -> dict[str, tuple[str, Any]]:
    """Nodes (id, class, inputs) with the defaults of what they leave out: newer nodes have more
    widgets than a graph that was saved before."""
    made = {}
    for id_, class_type, inputs in nodes:
        schema = catalogue().schema(class_type)
        values = dict(inputs)
        for spec in present(schema.inputs, values) if schema else ():
            if (start := start_value(spec)) is not None:
                values.setdefault(spec.id, start)
        made[id_] = (class_type, values)
    return made


def in_api(graph: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    return ((id_, node["class_type"], node["inputs"]) for id_, node in graph.items())


@pytest.mark.parametrize("path", API, ids=lambda path: path.stem)
def test_each_graph_opens_in_the_editor(
    path: Path, editor: Frontend, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    api = json.loads(path.read_text(encoding="utf-8"))
    saved = WORKFLOWS / path.name
    if request.config.getoption("--update-golden"):
        titles = {id_: node["_meta"]["title"] for id_, node in api.items()}
        editor.page.evaluate("([api, name]) => app.loadApiJson(api, name)", [api, path.stem])
        editor.page.wait_for_timeout(500)
        stages = {id_: stage(node["class_type"]) for id_, node in api.items()}
        editor.page.evaluate(ARRANGE, [titles, ROOM, WIDE, stages, SIZES])
        editor.page.evaluate(GROUP, [groups(api), ROOM, SIZES])
        editor.page.evaluate(NOTE, [about(path.stem, api), 560])
        made = editor.workflow()
        saved.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    editor.errors.clear()
    editor.load(json.loads(saved.read_text(encoding="utf-8")), path.stem)
    assert editor.missing() == []
    sent = editor.prompt()
    for node in sent.values():
        node["inputs"].pop("video-preview", None)  # added by the editor once a video is shown
    assert filled(in_api(sent)) == filled(in_api(api))
    editor.fit()
    editor.screenshot(tmp_path / f"{path.stem}.png")
    assert editor.errors == []


def test_the_footage_is_in_the_input_folder_of_a_fresh_comfyui(running: ComfyUI) -> None:
    said = running.startup_log()
    for path in MEDIA.iterdir():
        assert path.name in said
    assert f"copied to {running.base / 'input'}" in said


def test_the_template_browser_describes_them(editor: Frontend, root: Path, tmp_path: Path) -> None:
    """Each has a card with a title instead of the name of its file, and a square picture."""
    listed = json.loads(editor.server.get_text("/workflow_templates"))["kinograph"]
    assert sorted(listed) == [path.stem for path in API]
    texts = json.loads((root / "locales" / "en" / "main.json").read_text())["kinographTemplates"]
    assert sorted(texts) == sorted(listed)
    page = editor.page
    page.evaluate("app.extensionManager.command.execute('Comfy.BrowseTemplates')")
    for name in listed:
        page.get_by_text(texts[name]["title"], exact=True).first.wait_for(timeout=20_000)
        picture = f"{editor.server.url}/api/workflow_templates/kinograph/{name}.jpg"
        with urllib.request.urlopen(picture) as answer:
            assert answer.headers["Content-Type"] == "image/jpeg"
            wide, tall = Image.open(answer).size
        assert wide == tall, name
    page.wait_for_timeout(1000)
    page.screenshot(path=str(tmp_path / "templates.png"))
    page.get_by_text(texts["build_and_benchmark"]["title"], exact=True).first.click()
    page.wait_for_function(
        "app.rootGraph._nodes.some(n => n.type === 'KinographBenchmark')", timeout=20_000
    )
    page.keyboard.press("Escape")


def test_what_is_not_linked_is_not_sent(editor: Frontend) -> None:
    """The editor has a widget for BOUNDING_BOX, whose default must not be sent as a box."""
    api = {"1": {"class_type": "KinographVaceMask", "inputs": {}}}
    editor.page.evaluate("api => app.loadApiJson(api, 'mask')", api)
    (node,) = editor.prompt().values()
    assert "generate" in node["inputs"]
    assert not {"bounding_box", "mask", "poses", "image"} & set(node["inputs"])


@pytest.mark.parametrize("path", API, ids=lambda path: path.stem)
def test_both_forms_are_the_same_graph(path: Path) -> None:
    ours, theirs = (
        filled((n.id, n.class_type, n.inputs) for n in load_graph(p).nodes.values())
        for p in (WORKFLOWS / path.name, path)
    )
    assert ours == theirs
    assert (WORKFLOWS / f"{path.stem}.jpg").exists()  # its picture in the template browser
