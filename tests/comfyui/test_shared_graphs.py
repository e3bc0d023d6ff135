"""The shared graphs in the editor's format open in the real editor and equal their API format.

`--update-golden` writes them: the editor opens the API format, lays it out and saves it.
"""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from browser import Frontend
from kinograph.nodes.reference import schemas
from kinograph.workflows.graph.load import load_graph
from kinograph.workflows.graph.shipped import MEDIA
from layout import ARRANGE, NOTE

pytestmark = pytest.mark.comfyui
OPTIONAL = {
    schema.node_id: {spec.id: spec.default for spec in schema.inputs if spec.optional}
    for schema in schemas()
}
WORKFLOWS = MEDIA.parent
API = sorted((WORKFLOWS / "api").glob("*.json"))

# Space below a node for the text and the pictures that it shows after a run, px.
ROOM = {
    **dict.fromkeys(("LoadVideo", "SaveVideo", "LoadImage", "KinographBuildEngine"), 230),
    **dict.fromkeys(("KinographDrawSkeleton", "KinographDrawFlow"), 230),
    **dict.fromkeys(("KinographDetectPoses", "KinographEstimateFlow"), 230),
    **dict.fromkeys(("KinographBenchmark", "KinographVaceNormalise", "KinographVacePreview"), 300),
    **dict.fromkeys(("KinographSaveVace", "KinographSavePoses", "KinographSaveKeypoints"), 90),
    **dict.fromkeys(("KinographVaceMask", "KinographTrackPoses", "KinographFilterPoses"), 90),
}
WIDE = {"PreviewAny": [380, 220]}
ABOUT = {
    "pose_to_vace": "People in footage, drawn as the control video of a VACE model.",
    "flow_to_vace": "The motion of every pixel, drawn as the control video of a VACE model.",
    "pose_over_flow": "Skeletons over optical flow: two controls in one video.",
    "tracked_poses_to_vace": "Poses that keep their person, without gaps and jitter.",
    "character_replacement": "One man's place is generated: by his skeleton, with a reference "
    "image of who takes it. The rest of the footage is kept.",
    "keypoints_and_back": "Poses as keypoints in JSON, for other packs, and back again.",
    "build_and_benchmark": "Builds an engine, and measures the backends of this machine.",
}
VACE = (
    "Connect VACE Normalise to WanVaceToVideo: image to control_video, mask to control_masks, "
    "reference_image to reference_image, width, height and length to theirs."
)
FILES = "The files are in `custom_nodes/kinograph/workflows/media`: load your own, or copy them to "
FILES += "ComfyUI's input folder."


def about(name: str, graph: dict[str, Any]) -> str:
    classes = {node["class_type"] for node in graph.values()}
    parts = [f"**{ABOUT[name]}**"]
    parts += [VACE] if "KinographVaceNormalise" in classes else []
    parts += [FILES] if classes & {"LoadVideo", "LoadImage"} else []
    return "\n\n".join(parts)


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
        editor.page.evaluate(ARRANGE, [titles, ROOM, WIDE])
        editor.page.evaluate(NOTE, [about(path.stem, api), 560])
        made = editor.workflow()
        saved.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    editor.errors.clear()
    editor.load(json.loads(saved.read_text(encoding="utf-8")), path.stem)
    assert editor.missing() == []
    made = {id_: (node["class_type"], node["inputs"]) for id_, node in editor.prompt().items()}
    for _, inputs in made.values():
        inputs.pop("video-preview", None)  # added by the editor once a video is shown
    for id_, (class_type, inputs) in made.items():  # widgets that came after the graph was made
        for name, default in OPTIONAL.get(class_type, {}).items():
            if name not in api[id_]["inputs"] and inputs.get(name, ...) == default:
                del inputs[name]
    assert made == {id_: (node["class_type"], node["inputs"]) for id_, node in api.items()}
    editor.fit()
    editor.screenshot(tmp_path / f"{path.stem}.png")
    assert editor.errors == []


def test_the_template_browser_lists_them(editor: Frontend) -> None:
    listed = json.loads(editor.server.get_text("/workflow_templates"))["kinograph"]
    assert sorted(listed) == [path.stem for path in API]
    for name in listed:
        picture = f"{editor.server.url}/api/workflow_templates/kinograph/{name}.jpg"
        with urllib.request.urlopen(picture) as answer:
            assert answer.headers["Content-Type"] == "image/jpeg"


def test_what_is_not_linked_is_not_sent(editor: Frontend) -> None:
    """The editor has a widget for BOUNDING_BOX, whose default must not be sent as a box."""
    api = {"1": {"class_type": "KinographVaceMask", "inputs": {}}}
    editor.page.evaluate("api => app.loadApiJson(api, 'mask')", api)
    (node,) = editor.prompt().values()
    assert "generate" in node["inputs"]
    assert not {"bounding_box", "mask", "poses", "image"} & set(node["inputs"])


@pytest.mark.parametrize("path", API, ids=lambda path: path.stem)
def test_both_forms_are_the_same_graph(path: Path) -> None:
    ours, theirs = (load_graph(p) for p in (WORKFLOWS / path.name, path))
    assert {n.id: (n.class_type, dict(n.inputs)) for n in ours.nodes.values()} == {
        n.id: (n.class_type, dict(n.inputs)) for n in theirs.nodes.values()
    }
    assert (WORKFLOWS / f"{path.stem}.jpg").exists()  # its picture in the template browser
