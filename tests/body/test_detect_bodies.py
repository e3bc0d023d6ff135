"""From frames to bodies: of people who are found, given, tracked or wrong; and what nodes say."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.detect import BodyDetector, BodyDetectState, included_detector
from kinograph.engines.detections.detect import Looks
from kinograph.engines.errors import InputError, ModelError
from kinograph.engines.models.registry import resolve
from kinograph.engines.pose.poses import Poses
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of
from kinograph.engines.sequence import cat
from kinograph.engines.video.clip import Clip
from kinograph.nodes.body.detect import DetectBodies, _Step
from kinograph.nodes.body.draw import DrawBodies
from kinograph.nodes.body.load_model import LoadBodyModel
from kinograph.nodes.body.smooth import SmoothBodies
from kinograph.nodes.body.track import TrackBodies
from made_bodies import moving

SETTINGS = {"fov": 43.0, "score_threshold": 0.5, "max_bodies": 2}
FILTER: dict[str, Any] = {"fps": 15.0, "min_cutoff": 1.7, "beta": 8.0, "beta_rotation": 2.0}
DRAWING: dict[str, Any] = {
    "width": 0,
    "height": 0,
    "fit": "stretch",
    "opacity": 1.0,
    "depth_range": "steady",
    "nearest": 1.0,
    "farthest": 10.0,
    "normal_axes": "bae",
    "antialias": False,
    "background": "black",
}


@pytest.fixture(scope="module")
def blazepose() -> Engine:
    model = resolve("blazepose")
    return build_engine(model, network_of(model), backend="torch", device="cpu")


@pytest.fixture(scope="module")
def finder() -> Engine:
    """The included pose network, which looks in one small size alone."""
    model = resolve("movenet_multipose")
    return build_engine(model, network_of(model), backend="torch", device="cpu", sizes=(256, 256))


@pytest.fixture(scope="module")
def frames(clip: Clip) -> Tensor:
    return clip.frames[[16, 18]]


@pytest.fixture(scope="module")
def found(blazepose: Engine, finder: Engine, frames: Tensor) -> Bodies:
    output = DetectBodies.execute(frames, blazepose, **SETTINGS, detector=finder)
    bodies: Bodies = output.args[0]
    return bodies


def test_two_nodes_lead_to_bodies(blazepose: Engine, frames: Tensor) -> None:
    """People are found by the included network."""
    assert LoadBodyModel.execute("blazepose").args[0].entry.embedded
    small = BodyDetectState(looks=Looks(256))
    output = DetectBodies.execute(frames[:1], blazepose, **SETTINGS, state=small)
    assert output.args[0].count.tolist() == [1]
    assert output.ui.value == (
        "1 frame, 1 body, at most 1 body at once; people by movenet_multipose in torch on cpu"
    )
    assert included_detector(blazepose) is included_detector(blazepose)


def test_single_frames_are_the_whole(
    blazepose: Engine, finder: Engine, frames: Tensor, found: Bodies
) -> None:
    """As a live stream gives them."""
    assert found.count.tolist() == [2, 2]
    assert found.track_ids.sort(1).values.tolist() == [[0, 1]] * 2
    state, parts = None, []
    for frame in frames:
        output = DetectBodies.execute(
            frame[None], blazepose, **SETTINGS, detector=finder, state=state
        )
        part, state = output.args
        parts.append(part)
    joined = cat(parts)
    for name in ("rotation", "translation", "shape", "confidence", "track_ids", "boxes"):
        assert torch.equal(getattr(joined, name), getattr(found, name)), name


def test_whole_batches_are_taken(blazepose: Engine, frames: Tensor, finder: Engine) -> None:
    step = _Step(DetectBodies)
    inputs = {**SETTINGS, "engine": blazepose, "image": frames}
    known = {**inputs, "poses": Poses.empty(3, (464, 832))}
    assert step.takes(0, 40, known) == 32
    assert step.takes(0, 15, known) == 0
    assert step.state.looks is None
    count = step.takes(0, 40, {**inputs, "detector": finder})
    assert count % 16 == 0
    assert step.state.looks is not None  # chosen by the first frame, for all that follow


def test_people_who_are_given(blazepose: Engine, frames: Tensor, found: Bodies) -> None:
    """Tracks are kept; a box without a person has no body, which is said."""
    boxes = torch.tensor([[0.0, 300, 60, 460]])
    at = found.boxes[0, :1]
    people = Poses.empty(1, (464, 832), people=2)
    people = replace(
        people,
        boxes=torch.cat([at, boxes])[None],
        scores=torch.tensor([[0.9, 0.8]]),
        count=torch.tensor([2]),
        track_ids=torch.tensor([[7, 5]]),
    )
    output = DetectBodies.execute(frames[:1], blazepose, **SETTINGS, poses=people)
    bodies = output.args[0]
    assert bodies.track_ids[bodies.present].tolist() == [7]
    assert output.ui.value.endswith("1 person left out whose body was not seen")
    nobody = DetectBodies.execute(
        frames[:1], blazepose, **SETTINGS, poses=Poses.empty(1, (464, 832))
    )
    assert nobody.args[0].count.tolist() == [0]
    assert nobody.ui.warnings == ("no bodies were detected; poses holds nobody",)
    half = replace(people, track_ids=torch.tensor([[7, -1]]))
    with pytest.raises(InputError, match=r"poses: some have tracks .* before Detect Bodies"):
        DetectBodies.execute(frames[:1], blazepose, **SETTINGS, poses=half)


def test_nobody_in_the_frames(blazepose: Engine, finder: Engine) -> None:
    grey = torch.full((1, 96, 128, 3), 0.5)
    output = DetectBodies.execute(grey, blazepose, **SETTINGS, detector=finder)
    assert output.args[0].count.tolist() == [0]
    (warning,) = output.ui.warnings
    assert warning.startswith("no bodies were detected; connect poses of Detect Poses")
    drawn = DrawBodies.execute(output.args[0], colours="style", **DRAWING)
    assert drawn.ui.warnings == ("no frame contains bodies; nothing is drawn",)
    assert drawn.args[0].shape == (1, 96, 128, 3)


def test_what_is_refused(blazepose: Engine, engine: Engine, frames: Tensor) -> None:
    one = frames[:1]
    with pytest.raises(ModelError, match="expected a body model, found family"):
        DetectBodies.execute(one, engine, **SETTINGS, poses=Poses.empty(1, (464, 832)))
    with pytest.raises(InputError, match="poses: found in 2 frames of 832x464"):
        DetectBodies.execute(one, blazepose, **SETTINGS, poses=Poses.empty(2, (464, 832)))
    with pytest.raises(InputError, match="state: expected the state of the same node"):
        DetectBodies.execute(one, blazepose, **SETTINGS, state=(1, 2))
    with pytest.raises(InputError, match="field of view"):
        BodyDetector(blazepose, fov=180.0).update(one)


def test_smoothing_says_what_it_costs(found: Bodies) -> None:
    bodies = moving(20)
    lagging = SmoothBodies.execute(bodies, **{**FILTER, "beta_rotation": 0.1}, direction="causal")
    both = SmoothBodies.execute(bodies, **FILTER, direction="both")
    assert lagging.ui.value.startswith("joints turn by ")
    late, none = (float(o.ui.value.split("lag ")[1].split()[0]) for o in (lagging, both))
    assert late > 0.3
    assert abs(none) < 0.1
    still = SmoothBodies.execute(bodies.slice(0, 2), **FILTER, direction="causal")
    assert still.ui.value.endswith("lag not measurable (no joint turns by 1 °/frame)")
    loose = replace(bodies, track_ids=bodies.track_ids * 0 - 1)
    with pytest.raises(InputError, match="put Track Bodies before this node"):
        SmoothBodies.execute(loose, **FILTER, direction="causal")
    tracked = TrackBodies.execute(found, 30)
    assert tracked.ui.value == "2 bodies; they have tracks, which are kept"


def test_bodies_without_tracks_get_some(found: Bodies) -> None:
    loose = replace(found, track_ids=found.track_ids * 0 - 1)
    output = TrackBodies.execute(loose, 30)
    assert output.ui.value == "2 bodies"
    for track in (0, 1):  # the same body in every frame
        x = found.translation[..., 0][output.args[0].track_ids == track]
        assert len(x) == 2
        assert x.max() - x.min() < 0.5
    coloured = DrawBodies.execute(loose.slice(0, 1), colours="track", **DRAWING)
    assert coloured.ui.warnings == ("colours: bodies without a track are grey",)
    assert "depth: white at " in coloured.ui.value
