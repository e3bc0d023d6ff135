"""What nodes show: words, warnings and small pictures."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from kinograph.engines.flow.flow import Flow
from kinograph.engines.pose.poses import Poses
from kinograph.engines.runtime.engine import Engine
from kinograph.engines.vace.normalise import normalise
from kinograph.nodes import previews, show
from kinograph.nodes.api import host, io
from kinograph.nodes.flow.estimate import EstimateFlow
from kinograph.nodes.pose.detect import DetectPoses
from kinograph.nodes.render.flow import DrawFlow
from kinograph.nodes.render.skeleton import DrawSkeleton
from kinograph.nodes.show import Shown
from kinograph.nodes.vace.normalise import VaceNormalise
from posed_heads import turning_heads

Make = Callable[[], Tensor]


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Those that nodes would show in ComfyUI."""
    made: list[Tensor] = []

    def preview(make: Make) -> tuple[list[dict[str, Any]], bool]:
        made.append(make())
        return [{"filename": "x.webp"}], len(made[-1]) > 1

    monkeypatch.setattr(show.host, "preview", preview)
    return made


def run(node: type[io.ComfyNode], **inputs: Any) -> Any:
    defaults = {
        spec.id: spec.default for spec in node.define_schema().inputs if spec.default is not None
    }
    return node.execute(**{**defaults, **inputs})


def warnings(node: type[io.ComfyNode], **inputs: Any) -> list[str]:
    """What the host is told."""
    told: list[str] = []
    with host.using(host.Settings(device="cpu", warned=told.append)):
        output = run(node, **inputs)
    assert list(output.ui.as_dict()["kinograph_warnings"]) == told
    assert all(warning in output.ui.value for warning in told)
    return told


def test_marked_lines_are_warnings_and_are_told_once() -> None:
    told: list[str] = []
    with host.using(host.Settings(warned=told.append)):
        shown = Shown("3 frames\nWarning: too few", warnings=["too few", "too dark"])
    assert told == ["too few", "too dark"]
    assert shown.warnings == ("too few", "too dark")
    assert shown.value == "3 frames\nWarning: too few\nWarning: too dark"
    assert shown.as_dict()["text"] == (shown.value,)


def test_the_keys_are_the_same_with_and_without_warnings() -> None:
    """ComfyUI joins what several calls of a node show, by the keys of the first."""
    one, two = (Shown(text, picture=lambda: torch.ones(1)).as_dict() for text in ("Warning: a", ""))
    assert one.keys() == two.keys() == {"text", "kinograph_warnings", "images", "animated"}
    assert all(isinstance(value, list | tuple) for value in one.values())


def test_headless_no_picture_is_made() -> None:
    def fail() -> Tensor:
        raise AssertionError("made a picture that nobody sees")

    assert Shown("words", picture=fail).as_dict()["images"] == []


def test_pictures_are_few_and_small(people: Callable[..., Poses]) -> None:
    images = torch.rand(40, 464, 832, 3)
    flow = Flow(torch.randn(39, 2, 464, 832))
    for picture in (
        previews.of_images(images),
        previews.of_poses(images, people(40)),
        previews.of_heads(images, turning_heads(40, (464, 832))),
        previews.of_flow(flow),
        previews.of_vace(normalise(images)),
    ):
        assert 1 <= len(picture) <= 6
        assert max(picture.shape[1:3]) <= 640
        assert picture.shape[3] == 3
        assert float(picture.min()) >= 0
        assert float(picture.max()) <= 1


def test_a_picture_is_of_the_whole_clip() -> None:
    images = torch.linspace(0, 1, 50)[:, None, None, None].expand(50, 8, 8, 3)
    picture = previews.of_images(images)
    assert float(picture[0].mean()) == 0
    assert float(picture[-1].mean()) == 1


def test_people_are_drawn_where_they_are(people: Callable[..., Poses]) -> None:
    poses = people(3, 1)
    drawn = previews.of_poses(torch.zeros(3, 464, 832, 3), poses)
    for i in range(3):
        rows, columns = (drawn[i].amax(-1) > 0).nonzero(as_tuple=True)
        seen = poses.keypoints[i, 0] / 2  # every second pixel
        seen = seen[((seen >= 0) & (seen < torch.tensor([416, 232]))).all(-1)]
        assert abs(float(columns.float().mean() - seen[:, 0].mean())) < 30
        assert abs(float(rows.float().mean() - seen[:, 1].mean())) < 30


def test_heads_are_drawn_where_they_are() -> None:
    heads = turning_heads(3, (480, 640))
    drawn = previews.of_heads(torch.zeros(3, 480, 640, 3), heads)
    x, y, right, bottom = (heads.boxes[0, 0] / 2).long().tolist()  # every second pixel
    assert drawn.shape == (3, 240, 320, 3)
    assert bool(drawn[0, y:bottom, x:right].any())
    assert not bool(drawn[0, :, :5].any())


def test_flow_that_moves_right_is_red() -> None:
    flow = torch.zeros(1, 2, 64, 64)
    flow[:, 0, :32] = 9
    picture = previews.of_flow(Flow(flow))
    assert torch.allclose(picture[0, 10, 10], torch.tensor([1.0, 0, 0]), atol=0.05)
    assert torch.equal(picture[0, 50, 10], torch.ones(3))
    assert torch.equal(previews.of_flow(Flow(torch.zeros(0, 2, 6, 9))), torch.ones(1, 6, 9, 3))


def test_nodes_show_pictures(pictures: list[Tensor], people: Callable[..., Poses]) -> None:
    clip = torch.rand(5, 64, 96, 3)
    flow = run(EstimateFlow, image=clip, dis_preset="ultrafast").args[0]
    for node, inputs in (
        (DrawFlow, {"flow": flow}),
        (VaceNormalise, {"image": clip}),
        (DrawSkeleton, {"poses": people(5)}),
    ):
        shown = run(node, **inputs).ui.as_dict()
        assert shown["images"] == [{"filename": "x.webp"}]
        assert shown["animated"] == (node is not VaceNormalise,)
        assert shown["text"][0]
    assert len(pictures) == 4


def test_detected_people_are_shown(pictures: list[Tensor], engine: Engine) -> None:
    run(DetectPoses, image=torch.zeros(2, 128, 160, 3), engine=engine)
    (picture,) = pictures
    assert picture.shape == (2, 128, 160, 3)


def test_one_frame_has_no_motion() -> None:
    (told,) = warnings(EstimateFlow, image=torch.rand(1, 32, 32, 3))
    assert told == "one frame has no motion; connect at least two"
    (told,) = warnings(DrawFlow, flow=Flow(torch.zeros(0, 2, 32, 32)))
    assert "single frame" in told
    (told,) = warnings(DrawFlow, flow=Flow(torch.zeros(2, 2, 32, 32)), strength=0.0)
    assert told == "strength 0: everything is drawn white"
    assert not warnings(DrawFlow, flow=Flow(torch.zeros(2, 2, 32, 32)))


def test_what_the_network_does_not_do(engine: Engine) -> None:
    image = torch.zeros(1, 128, 160, 3)
    told = warnings(DetectPoses, image=image, engine=engine, max_people=20)
    assert told == [
        "no people were detected; lower score_threshold, or raise detection_size",
        "max_people: movenet_multipose detects at most 6 people at once, 20 are requested; for "
        "crowds, set tiles to 2 or more",
    ]


def test_what_cannot_be_drawn(people: Callable[..., Poses]) -> None:
    assert not warnings(DrawSkeleton, poses=people())
    (told,) = warnings(DrawSkeleton, poses=people(), hands="always", feet="always")
    assert told.startswith("hands, feet: these poses have none")
    assert not warnings(DrawSkeleton, poses=people(whole=True), hands="always")
    (told,) = warnings(DrawSkeleton, poses=people(), colours="track")
    assert "Track Poses" in told
    nobody = Poses.empty(2, (64, 64))
    assert warnings(DrawSkeleton, poses=nobody) == ["no frame contains people; nothing is drawn"]


def test_warnings_of_vace_are_told() -> None:
    size = {"width": 1024, "height": 512}
    told = warnings(VaceNormalise, image=torch.rand(9, 64, 128, 3), preset="ltx", **size)
    assert told == ["1024x512 is more than the 393216 pixels per frame that ltx was trained with"]
