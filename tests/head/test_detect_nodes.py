"""The nodes of heads: what they load, find, refuse and say."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import InputError, ModelError
from kinograph.engines.head.face_landmarks import to_face_landmarks
from kinograph.engines.head.find import included_detector
from kinograph.engines.head.heads import Heads
from kinograph.engines.head.pose import fit_heads
from kinograph.engines.pose.poses import Poses
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of
from kinograph.nodes.head.detect import DetectHeads, _Step
from kinograph.nodes.head.load_file import LoadHeadFile
from kinograph.nodes.head.load_model import LoadHeadModel
from kinograph.nodes.head.smooth import SmoothHeads
from kinograph.nodes.head.track import TrackHeads
from kinograph.nodes.standin import host
from posed_heads import turning_heads

SETTINGS = {
    "score_threshold": 0.5,
    "max_heads": 8,
    "smallest_face": 0,
    "fov": 63.0,
    "second_pass": False,
}
MADE = Path(__file__).parents[1] / "data" / "head" / "img2pose_synthetic.onnx"


@pytest.fixture(scope="module")
def found(mesh: Engine, astronaut: Tensor) -> Heads:
    heads: Heads = DetectHeads.execute(astronaut, mesh, **SETTINGS).args[0]
    return heads


def test_the_included_models() -> None:
    kinds = LoadHeadModel.define_schema().inputs[0].options
    assert list(kinds) == ["mediapipe_face", "mediapipe_face_detector"]
    assert all(LoadHeadModel.execute(kind).args[0].entry.embedded for kind in kinds)


def test_two_nodes_lead_to_heads(mesh: Engine, astronaut: Tensor) -> None:
    """The detector is the included one, of which there is one for an engine."""
    output = DetectHeads.execute(torch.cat([astronaut, astronaut * 0]), mesh, **SETTINGS)
    heads, _, boxes = output.args
    assert heads.count.tolist() == [1, 0]
    assert output.ui.value == (
        "2 frames, 1 head, at most 1 head at once; none in 1 frame; faces by "
        "mediapipe_face_detector in torch on cpu"
    )
    (box,), none = boxes
    assert none == []
    assert box["label"] == "face"
    x0, y0, x1, y1 = heads.boxes[0, 0].tolist()
    assert [box[n] for n in ("x", "y", "width", "height")] == pytest.approx(
        [x0, y0, x1 - x0, y1 - y0]
    )
    assert included_detector(mesh) is included_detector(mesh)


def test_a_detector_of_ones_own(mesh: Engine, detector: Engine, astronaut: Tensor) -> None:
    output = DetectHeads.execute(astronaut, mesh, **SETTINGS, detector=detector)
    assert output.ui.value == "1 frame, 1 head, at most 1 head at once"
    with pytest.raises(InputError, match="detector: mediapipe_face does not find faces"):
        DetectHeads.execute(astronaut, mesh, **SETTINGS, detector=mesh)


def test_nobody_is_said(mesh: Engine) -> None:
    grey = torch.full((2, 90, 120, 3), 0.5)
    output = DetectHeads.execute(grey, mesh, **SETTINGS)
    heads, landmarks, boxes = output.args
    assert heads.count.tolist() == [0, 0]
    assert landmarks["frames"] == boxes == [[], []]
    (warning,) = output.ui.warnings
    assert "set smallest_face to the height of the faces in pixels (frames of 120x90)" in warning
    output = DetectHeads.execute(grey, mesh, **SETTINGS, poses=Poses.empty(2, (90, 120)))
    assert output.ui.warnings == ("no heads were detected; lower score_threshold",)


def test_face_landmarks_give_comfyui_the_same_matrix(found: Heads, astronaut: Tensor) -> None:
    """ComfyUI finds the scale of the depth by fitting landmarks_3d onto landmarks_xy."""
    given = to_face_landmarks(found)
    assert given["image_size"] == (512, 512)
    ((face,),) = given["frames"]
    assert face["landmarks_xy"].shape == (468, 2)
    assert face["landmarks_3d"].shape == (468, 3)
    assert 20 < face["landmarks_3d"][:, :2].min() < face["landmarks_3d"][:, :2].max() < 172
    flat = np.concatenate([face["landmarks_3d"][:, :2], np.ones((468, 1))], 1)
    onto = np.linalg.lstsq(flat, face["landmarks_xy"].astype(np.float64), rcond=None)[0]
    depth = face["landmarks_3d"][:, 2:] * np.linalg.norm(onto[0])
    points = torch.from_numpy(np.concatenate([face["landmarks_xy"], depth], 1)).float()
    fit = fit_heads(points[None], found.camera, torch.zeros(1, dtype=torch.int64))
    matrix = face["transformation_matrix"]
    assert np.abs(matrix[:3, :3] - fit.rotation[0].numpy()).max() < 1e-3
    assert np.abs(matrix[:3, 3] - fit.translation[0].numpy()).max() < 0.02  # cm
    assert matrix[3].tolist() == [0, 0, 0, 1]
    assert 1 / (1 + np.exp(-face["presence"])) == pytest.approx(face["score"], abs=1e-4)
    assert face["bbox_xyxy"].tolist() == pytest.approx(found.boxes[0, 0].tolist())


def test_connections_are_closed_rings(found: Heads) -> None:
    """As ComfyUI's mask node walks them; the irises, which are missing, are no ring."""
    sets = to_face_landmarks(found)["connection_sets"]
    for name in ("face_oval", "lips", "left_eye", "right_eye"):
        ends = [end for edge in sets[name] for end in edge]
        assert all(ends.count(end) == 2 for end in set(ends)), name
    assert sets["irises"] == frozenset()
    assert sets["all"] == sets["contours"] | sets["nose"]
    assert {len(edge) for edge in sets["tesselation"]} == {2}
    assert len(sets["tesselation"]) == 1365  # Euler: 468 points and 898 triangles of one surface
    eyes = [
        np.mean([found.landmarks[0, 0, e[0], 0] for e in sets[n]])
        for n in ("left_eye", "right_eye")
    ]
    assert eyes[0] > eyes[1]  # the person's left is at the right of the picture


def test_whole_batches_in_chunks(mesh: Engine) -> None:
    inputs = {"image": torch.zeros(35, 64, 64, 3), "engine": mesh}
    assert _Step(DetectHeads).takes(0, 35, inputs) == 32
    assert _Step(DetectHeads).takes(32, 3, inputs) == 0


def test_own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(host, "models_folder", lambda: tmp_path)
    shutil.copyfile(MADE, tmp_path / "a.onnx")
    model = LoadHeadFile.execute("img2pose", " a.onnx ", 1.0).args[0]
    assert model.name == "img2pose:a.onnx"
    assert not model.options
    assert LoadHeadFile.execute("img2pose", "a.onnx", 0.5).args[0].options == {"box_scale": 0.5}
    with pytest.raises(InputError, match="box_scale: sixdrepnet gives no boxes; set it to 1"):
        LoadHeadFile.execute("sixdrepnet", "a.onnx", 0.5)
    with pytest.raises(ModelError, match=r"not a 6DRepNet network: expected one input, images"):
        LoadHeadFile.execute("sixdrepnet", "a.onnx", 1.0)
    for name in ("../a.onnx", "", "other.onnx", "a.pth"):
        with pytest.raises(ModelError):
            LoadHeadFile.execute("img2pose", name, 1.0)
    engine = build_engine(model, network_of(model), device="cpu")
    settings = {**SETTINGS, "fov": 40.0, "smallest_face": 20, "second_pass": True}
    output = DetectHeads.execute(torch.zeros(1, 72, 128, 3), engine, **settings)
    assert output.args[1]["frames"] == [[]]
    assert "gives no points of faces, so face_landmarks is empty" in output.ui.value
    assert [w.partition(":")[0] for w in output.ui.warnings] == [
        "fov",
        "smallest_face",
        "second_pass",
    ]
    inputs = {"image": torch.zeros(35, 72, 128, 3), "engine": engine}
    assert _Step(DetectHeads).takes(0, 35, inputs) == 35  # one frame at a time


def test_tracked_and_smoothed(tmp_path: Path) -> None:
    """What the nodes say, and what they need of one another."""
    settings = {"fps": 24.0, "min_cutoff": 1.0, "beta": 5.0, "beta_rotation": 4.0}
    loose = turning_heads(30, tracks=False)
    with pytest.raises(InputError, match="put Track Heads before this node"):
        SmoothHeads.execute(loose, **settings, direction="both")
    output = TrackHeads.execute(loose, 30)
    tracked = output.args[0]
    assert output.ui.value == "2 heads"
    kept = TrackHeads.execute(turning_heads(30), 30)
    assert kept.ui.value == "2 heads; the tracks of the people are kept"
    for direction, late in (
        ("both", r"lag -?0\.\d frames"),
        ("causal", r"lag [01]\.\d frames \(0\.0"),
    ):
        said = SmoothHeads.execute(tracked, **settings, direction=direction).ui.value
        assert re.search(r"turns of 2\.\d\d -> 2\.\d\d °/frame, jitter \d\.\d\d -> \d\.\d\d°", said)
        assert re.search(late, said), said
    with pytest.raises(InputError, match="with direction causal only, found both"):
        SmoothHeads.execute(tracked, **settings, direction="both", state=output.args[1])
    with pytest.raises(InputError, match="image: expected the 30 frames of the heads, found 2"):
        TrackHeads.execute(loose, 30, image=torch.zeros(2, 9, 9, 3))
    with pytest.raises(InputError, match="state: expected the state of the same node"):
        TrackHeads.execute(loose, 30, state="none")
    cut = torch.cat([torch.zeros(15, 40, 40, 3), torch.ones(15, 40, 40, 3)])
    output = TrackHeads.execute(loose, 30, image=cut)
    assert output.ui.value == "4 heads\n1 cut, at frame 15: tracks end there"
