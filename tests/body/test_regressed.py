"""Bodies by a network that gives the pose of SMPL: where they stand, and as which rig."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from kinograph.engines.body.cliff.place import in_picture
from kinograph.engines.body.detect import BodyDetector, body_said, unused
from kinograph.engines.body.families import poco_cliff
from kinograph.engines.body.files import write_bodies
from kinograph.engines.body.kinematics import pose_joints
from kinograph.engines.body.landmarks import regions_of_boxes
from kinograph.engines.body.regressed import regressed_bodies
from kinograph.engines.body.rig import mannequin, rig_named
from kinograph.engines.body.skinning import skin
from kinograph.engines.body.smpl.convert import as_smpl, from_smpl
from kinograph.engines.body.smpl.own import smpl_rig, with_smpl
from kinograph.engines.errors import InputError, ModelError
from kinograph.engines.geometry import rotations
from kinograph.engines.models.model import Model
from kinograph.engines.models.registry import resolve
from kinograph.engines.pose.poses import Poses
from kinograph.engines.render.body_meshes import body_meshes
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of
from kinograph.nodes.body.detect import DetectBodies
from kinograph.nodes.body.load_file import LoadBodyFile
from made_poco import SMALL, poco_weights, saved_poco
from made_smpl import smpl_arrays

SIZE = (360, 640)
BOXES = torch.tensor([[[400.0, 100, 480, 300], [100, 60, 200, 340]]])


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A network that takes everybody to stand upright with the arms stretched out, of a shape."""
    monkeypatch.setattr(poco_cliff, "PLAN", SMALL)
    state = poco_weights()
    for name in ("pose", "shape", "cam"):
        state[f"head.dec{name}.weight"] *= 0
        state[f"head.dec{name}.bias"] *= 0
    state["head.init_shape"] = torch.linspace(-1, 1, 10)[None]
    state["head.init_cam"] = torch.tensor([[0.9, 0.05, 0.1]])
    saved_poco(tmp_path, state)
    np.savez(tmp_path / "smpl.npz", **smpl_arrays(60))
    return resolve("poco_cliff:poco.pt", folder=tmp_path)


def engine_of(model: Model) -> Engine:
    return build_engine(model, network_of(model), backend="torch", device="cpu")


def two_people() -> Poses:
    """Two people in the first frame, nobody in the second, one in the third."""
    return replace(
        Poses.empty(3, SIZE, people=2),
        boxes=BOXES.repeat(3, 1, 1),
        scores=torch.tensor([[0.9, 0.8], [0, 0], [0.7, 0]]),
        track_ids=torch.tensor([[5, 7], [-1, -1], [5, -1]]),
        count=torch.tensor([2, 0, 1]),
    )


def frames() -> Tensor:
    return torch.rand(3, *SIZE, 3, generator=torch.Generator().manual_seed(0))


def test_bodies_of_the_users_smpl_are_those_of_the_network(model: Model, tmp_path: Path) -> None:
    own = with_smpl(model, "smpl.npz", tmp_path)
    engine = engine_of(own)
    bodies = regressed_bodies(frames(), two_people(), engine)
    rig = rig_named(bodies.rig)
    assert bodies.rig == smpl_rig(tmp_path / "smpl.npz").name != "smpl"
    assert bodies.count.tolist() == [2, 0, 1]
    assert bodies.track_ids[0].tolist() == [5, 7]
    assert bodies.camera.fx.tolist() == pytest.approx([np.hypot(*SIZE)])
    at = bodies.present.nonzero(as_tuple=True)
    torch.testing.assert_close(bodies.shape[at], torch.linspace(-1, 1, 10).expand(3, 10))
    assert (bodies.confidence[at] >= 0.0099).all()
    assert bodies.confidence[1].max() == 0
    # As SMPL and CLIFF have it: y down, the whole body moved by the translation.
    turns = torch.eye(3).repeat(3, 24, 1, 1)
    turns[:, 0] = torch.tensor([1.0, -1, -1]).diag()
    shape = bodies.shape[at]
    pelvis = rig.rest[0] + shape @ rig.shape_rest[:, 0]
    crops = regions_of_boxes(BOXES[0, [0, 1, 0]], at[0], 1.2)
    moved = in_picture(torch.tensor([[0.9, 0.05, 0.1]]).repeat(3, 1), crops, SIZE)
    wanted = skin(rig, turns, pelvis + moved, shape).vertices * torch.tensor([1.0, -1, -1])
    found = skin(rig, bodies.rotation[at], bodies.translation[at], shape).vertices
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-5)
    assert body_meshes(bodies).vertices.shape == (3, 60, 3)
    # As a node calls it, in chunks, with the same result; it says what is not used.
    finder = BodyDetector(engine, fov=60.0)
    chunks = [
        finder.update(frames()[start:stop], two_people().slice(start, stop))
        for start, stop in ((0, 1), (1, 3))
    ]
    whole = type(bodies).cat(chunks)
    torch.testing.assert_close(whole.translation, bodies.translation, atol=0, rtol=0)
    assert unused(engine, fov=60, score_threshold=0.5) == [
        "fov: poco_cliff:poco.pt assumes its own camera; 60 is not used"
    ]


def test_without_smpl_the_mannequin_stands_in_the_boxes(model: Model) -> None:
    bodies = regressed_bodies(frames(), two_people(), engine_of(model))
    rig = mannequin()
    assert bodies.rig == rig.name
    assert bodies.shape.abs().max() == 0
    at = bodies.present.nonzero(as_tuple=True)
    posed = pose_joints(rig, bodies.rotation[at], bodies.translation[at])
    x, y, z = posed.position.unbind(-1)
    focal = bodies.camera.fx
    u, v = SIZE[1] / 2 - focal * x / z, SIZE[0] / 2 + focal * y / z
    for values, axis in ((u, 0), (v, 1)):
        middle = (values.amin(1) + values.amax(1)) / 2
        wanted = (BOXES[0, [0, 1, 0], axis] + BOXES[0, [0, 1, 0], axis + 2]) / 2
        torch.testing.assert_close(middle, wanted, atol=2.0, rtol=0)
    # upright, facing the camera, the arms stretched out, the left one at the right of the picture
    left, right = (u[:, rig.index(f"hand_{side}")] for side in "lr")
    assert (left - right > 0.7 * (v.amax(1) - v.amin(1))).all()
    assert (v[:, rig.index("head")] < v[:, rig.index("foot_l")]).all()
    torch.testing.assert_close(posed.rotation[:, 0], torch.eye(3).expand(3, 3, 3))


def test_nobody_and_a_crowd(model: Model, tmp_path: Path) -> None:
    """And people of whom the frame shows a part, or who are beyond it."""
    crowd = replace(
        Poses.empty(1, SIZE, people=40),
        boxes=torch.linspace(-300, 900, 40)[None, :, None] + torch.tensor([0.0, 100, 80, 300]),
        scores=torch.linspace(0.9, 0.3, 40)[None],
        count=torch.tensor([40]),
    )
    for own in (model, with_smpl(model, "smpl.npz", tmp_path)):
        engine = engine_of(own)
        nobody = regressed_bodies(
            frames(), replace(two_people(), count=torch.zeros(3).long()), engine
        )
        assert nobody.count.sum() == nobody.confidence.max() == 0
        assert body_said(engine, nobody) == ""
        bodies = regressed_bodies(frames()[:1], crowd, engine)
        assert bodies.translation.isfinite().all()
        assert (bodies.translation[..., 2] < 0).all()
        assert len(bodies.translation[0].unique(dim=0)) == 40


def test_turns_of_smpl_as_those_of_the_mannequin_and_back() -> None:
    vectors = torch.randn(5, 24, 3, generator=torch.Generator().manual_seed(3)) * 0.5
    vectors[:, 22:] = 0  # the mannequin's fingers have no such joint
    turns = rotations.turn_by(vectors)
    there = from_smpl(mannequin(), turns)
    assert there.shape == (5, len(mannequin().joints), 3, 3)
    torch.testing.assert_close(as_smpl(mannequin(), there), turns, atol=1e-5, rtol=0)
    finger = mannequin().index("index_02_l")
    torch.testing.assert_close(there[:, finger], torch.eye(3).expand(5, 3, 3))


def test_smpl_files_that_are_refused(model: Model, tmp_path: Path) -> None:
    arrays = smpl_arrays(60)
    np.savez(tmp_path / "smplx.npz", **arrays | {"kintree_table": np.zeros((2, 55), np.int64)})
    victim = tmp_path / "victim"
    (tmp_path / "evil.pkl").write_bytes(f"cposix\nsystem\n(S'touch {victim}'\ntR.".encode())
    (tmp_path / "smpl.txt").write_text("")
    for file, message in (
        ("smplx.npz", "found 55 joints, as SMPL-X has"),
        ("evil.pkl", "refused, as it asks for posix.system"),
        ("absent.npz", "smpl: there is no "),
        ("smpl.txt", r"smpl: SMPL comes as \.npz or \.pkl"),
        ("../smpl.npz", "smpl: expected the name of a file in the models folder"),
    ):
        with pytest.raises(ModelError, match=message):
            with_smpl(model, file, tmp_path)
    assert not victim.exists()
    with pytest.raises(InputError, match="blazepose poses the included mannequin and takes no"):
        with_smpl(resolve("blazepose"), "smpl.npz", tmp_path)
    with pytest.raises(InputError, match="'smpl-0123', an SMPL file that has not been read here"):
        rig_named("smpl-0123")


def test_the_nodes(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which say as what bodies are given, and what is not used."""
    monkeypatch.setenv("KINOGRAPH_MODELS_DIR", str(tmp_path))
    loaded = LoadBodyFile.execute("poco_cliff", " poco.pt ", "smpl.npz")
    name = smpl_rig(tmp_path / "smpl.npz").name
    assert loaded.ui.value == (
        f"SMPL with 60 vertices and 10 shapes, called {name} in files of bodies"
    )
    before = LoadBodyFile.fingerprint_inputs(file="poco.pt", smpl="smpl.npz")
    assert min(before) > 0
    assert LoadBodyFile.fingerprint_inputs(file="poco.pt", smpl="absent") == (before[0], 0)
    plain = LoadBodyFile.execute("poco_cliff", "poco.pt").args[0]
    for own, said in (
        (loaded.args[0], f"as your SMPL model ({name})"),
        (plain, "as the included mannequin, as no SMPL model is named"),
    ):
        found = DetectBodies.execute(frames(), engine_of(own), 43.0, 0.7, 6, poses=two_people())
        text, warning = found.ui.value.splitlines()
        assert text.startswith("3 frames, 3 bodies, at most 2 bodies at once; nobody in 1 frame")
        assert said in text
        assert warning == (
            "Warning: score_threshold: poco_cliff:poco.pt does not say whether there is a body; "
            "0.7 is not used"
        )
        bodies = found.args[0]
        written = write_bodies(
            bodies, tmp_path / "own.glb", "glb", rig=rig_named(bodies.rig), fps=25
        )
        assert [path.name for path in written] == ["own.glb"]
    with pytest.raises(ModelError, match=r"model instanthmr:absent\.onnx: there is no "):
        LoadBodyFile.execute("instanthmr", "absent.onnx", "")
