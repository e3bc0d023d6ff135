"""Add Hands and Face: from pictures and bodies to whole bodies, drawn and written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hand_pictures import WOMAN, Joints, hand_picture, people
from kinograph.engines.errors import InputError
from kinograph.engines.models.registry import resolve
from kinograph.engines.pose.files import read_poses, write_poses
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.skeletons import SKELETONS
from kinograph.engines.render.skeleton import draw_skeletons
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of
from kinograph.nodes.engine import automatic
from kinograph.nodes.pose.add_hands_and_face import AddHandsAndFace, _Step
from kinograph.nodes.pose.load_hand_model import LoadHandModel

SETTINGS: dict[str, Any] = {"hands": True, "face": True, "score_threshold": 0.5, "fit_arms": True}
FACE: Joints = {
    **{"nose": (234.0, 150.0), "right_eye": (221.0, 137.0), "left_eye": (242.0, 128.0)},
    "left_ear": (274.0, 118.0),
}
BODY: Joints = {**WOMAN, **FACE, "left_hip": (390.0, 330.0), "right_hip": (300.0, 345.0)}


def built(name: str) -> Engine:
    model = resolve(name)
    return build_engine(model, network_of(model), backend="torch", device="cpu")


@pytest.fixture(scope="module")
def engines() -> dict[str, Engine]:
    return {"hand_engine": built("mediapipe_hand"), "face_engine": built("mediapipe_face")}


@pytest.fixture(scope="module")
def picture() -> Tensor:
    return hand_picture(7)


@pytest.fixture(scope="module")
def whole(engines: dict[str, Engine], picture: Tensor) -> Poses:
    poses: Poses = AddHandsAndFace.execute(picture, people(BODY), **SETTINGS, **engines).args[0]
    return poses


def part(poses: Poses, name: str) -> tuple[Tensor, Tensor]:
    where = SKELETONS[poses.skeleton].parts[name]
    return poses.keypoints[:, :, where], poses.confidence[:, :, where]


def test_bodies_become_whole(whole: Poses) -> None:
    bodies = people(BODY)
    assert whole.skeleton == "coco_wholebody_133"
    for name in ("keypoints", "confidence", "boxes", "scores", "track_ids", "count"):
        assert torch.equal(getattr(whole.body(), name), getattr(bodies, name)), name
    assert (part(whole, "face")[1] > 0.5).all()
    assert (part(whole, "left_hand")[1] > 0.9).all()
    for unseen in ("feet", "right_hand"):  # the right hand is edge-on
        assert not part(whole, unseen)[1].any()
        assert not part(whole, unseen)[0].any()
    eyes = part(whole, "face")[0][0, 0, [36, 39, 42, 45]]
    marked = torch.tensor([[214.8, 136.8], [226.8, 137.5], [235, 129.5], [248.6, 126.8]])
    assert float((eyes - marked).norm(dim=1).max()) < 5  # px, of a face of 80 px


def test_what_is_said(engines: dict[str, Engine], picture: Tensor) -> None:
    output = AddHandsAndFace.execute(picture, people(BODY), **SETTINGS, **engines)
    assert output.ui.value == (
        "1 frame, 1 pose\n1 hand at 2 wrists; nothing like a hand at 1\n1 face at 1 head\n"
        "mediapipe_hand in torch on cpu\nmediapipe_face in torch on cpu"
    )
    only = {**SETTINGS, "hands": False}
    output = AddHandsAndFace.execute(picture, people(BODY), **only, **engines)
    assert not part(output.args[0], "left_hand")[1].any()
    assert output.ui.warnings == ("hand_engine: not used, because its part is off",)
    output = AddHandsAndFace.execute(picture, people(FACE), **SETTINGS, **engines)
    assert "no wrist is visible together with its elbow or shoulder" in output.ui.warnings[0]
    neither = {**SETTINGS, "hands": False, "face": False}
    with pytest.raises(InputError, match="hands: expected hands or face to be on"):
        AddHandsAndFace.execute(picture, people(BODY), **neither, **engines)


def test_the_included_engines(
    engines: dict[str, Engine], picture: Tensor, whole: Poses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two inputs are enough."""
    monkeypatch.setattr(automatic, "automatic_engine", lambda model: built(model.name))
    output = AddHandsAndFace.execute(picture, people(BODY), **SETTINGS)
    assert torch.equal(output.args[0].keypoints, whole.keypoints)
    assert list(LoadHandModel.define_schema().inputs[0].options) == ["mediapipe_hand"]
    assert LoadHandModel.execute("mediapipe_hand").args[0].entry.embedded


def test_engines_of_other_networks_are_refused(engines: dict[str, Engine], picture: Tensor) -> None:
    hand, face = engines["hand_engine"], engines["face_engine"]
    with pytest.raises(InputError, match=r"hand_engine: mediapipe_face does not find .* of hands"):
        AddHandsAndFace.execute(
            picture, people(BODY), **SETTINGS, hand_engine=face, face_engine=face
        )
    with pytest.raises(InputError, match=r"mediapipe_hand"):
        AddHandsAndFace.execute(
            picture, people(BODY), **SETTINGS, hand_engine=hand, face_engine=hand
        )


def test_nobody(engines: dict[str, Engine]) -> None:
    frames = torch.zeros(2, 64, 64, 3)
    output = AddHandsAndFace.execute(frames, Poses.empty(2, (64, 64)), **SETTINGS, **engines)
    assert output.args[0].count.tolist() == [0, 0]
    assert output.args[0].skeleton == "coco_wholebody_133"
    assert output.args[1] == [
        {"people": [], "canvas_height": 64, "canvas_width": 64} for _ in range(2)
    ]
    assert not output.ui.warnings


def test_whole_bodies_keep_what_is_not_looked_for(
    engines: dict[str, Engine], picture: Tensor
) -> None:
    """With OpenPose's body, and with feet and hands of another network."""
    seen = torch.full((1, 1, 21), 0.7)
    feet = torch.full((1, 1, 6, 2), 600.0), torch.full((1, 1, 6), 0.6)
    hand = torch.full((1, 1, 21, 2), 30.0), seen
    given = people(BODY).whole().as_openpose().with_part("feet", *feet)
    given = given.with_part("right_hand", *hand)
    only = {**SETTINGS, "hands": False}
    found: Poses = AddHandsAndFace.execute(picture, given, **only, **engines).args[0]
    assert found.skeleton == "openpose_wholebody_134"
    assert torch.equal(part(found, "feet")[0], feet[0])
    assert torch.equal(part(found, "right_hand")[1], seen)
    assert (part(found, "face")[1] > 0.5).all()
    found = AddHandsAndFace.execute(picture, given, **SETTINGS, **engines).args[0]
    assert not part(found, "right_hand")[1].any()  # replaced by none
    assert torch.equal(part(found, "feet")[0], feet[0])


@pytest.mark.parametrize("form", ["pose_keypoint", "openpose", "predictions", "safetensors"])
def test_files_hold_hands_and_face(form: str, whole: Poses, tmp_path: Path) -> None:
    path = tmp_path / ("clip.safetensors" if form == "safetensors" else "clip")
    write_poses(whole, path, form)
    wanted = whole.as_openpose()
    again = read_poses(path, canvas=whole.canvas).as_openpose()
    assert again.skeleton == wanted.skeleton == "openpose_wholebody_134"
    seen = wanted.confidence > 0
    assert torch.equal(again.confidence > 0, seen)
    assert float((again.keypoints - wanted.keypoints)[seen].abs().max()) < 0.01  # px
    if form == "pose_keypoint":
        (person,) = json.loads(path.read_text())[0]["people"]
        assert len(person["hand_left_keypoints_2d"]) == 63
        assert person["face_keypoints_2d"][2::3].count(1.0) == 70  # with the pupils


def test_drawn(whole: Poses, golden: Callable[[str, Tensor], None]) -> None:
    """The body, the left hand and the face, in the style of DWPose, around the woman."""
    image, _ = draw_skeletons(whole, style="openpose")
    golden("whole_body", image[0, 60:460, 150:550])


def test_whole_batches_in_chunks(engines: dict[str, Engine], picture: Tensor) -> None:
    step = _Step(AddHandsAndFace)
    inputs = {"image": picture, "poses": people(BODY), **SETTINGS, **engines}
    assert [step.takes(0, count, inputs) for count in (5, 16, 35)] == [0, 16, 32]
    outputs = step.run(inputs)
    assert outputs is not None
    assert outputs[0].skeleton == "coco_wholebody_133"


def test_chunks_are_the_whole(engines: dict[str, Engine], picture: Tensor) -> None:
    """In the chunks that a step takes; a chunk of other lengths may differ in the last bits."""
    small = picture[:, 60:460:2, 150:550:2]
    frames = torch.cat([small.roll(shift, 2) for shift in range(18)])
    places = {name: ((x - 150) / 2, (y - 60) / 2) for name, (x, y) in BODY.items()}
    left = {name: at for name, at in places.items() if "right_wrist" not in name}
    poses = people(left, canvas=(200, 200), frames=18)
    whole: Poses = AddHandsAndFace.execute(frames, poses, **SETTINGS, **engines).args[0]
    step = _Step(AddHandsAndFace)
    parts = []
    for start, stop in ((0, 16), (16, 18)):
        inputs = {"image": frames[start:stop], "poses": poses.slice(start, stop)}
        outputs = step.run({**inputs, **SETTINGS, **engines})
        assert outputs is not None
        parts.append(outputs[0])
    joined = Poses.cat(parts)
    assert torch.equal(joined.keypoints, whole.keypoints)
    assert torch.equal(joined.confidence, whole.confidence)
    assert part(whole, "left_hand")[1].any()
    assert part(whole, "face")[1].any()
