"""Settings that are changed while a graph runs live."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from kinograph.engines.errors import GraphError
from kinograph.engines.video.clip import Clip
from kinograph.workflows.live.graph import LiveGraph
from kinograph.workflows.live.slot import Frame
from live_clips import FLOW, HEIGHT, WIDTH, live_graph, node, numbered

Graph = dict[str, Any]


def frame(number: int, captured: float = 0.0) -> Frame:
    picture = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
    return Frame(number, 0, captured, picture)


def flow_graph(**more: Any) -> Graph:
    return {**FLOW, **more}


def poses_graph(**more: Any) -> Graph:
    """Poses that are detected, tracked, and drawn in the colours of their tracks."""
    return {
        "1": {"class_type": "LoadVideo", "inputs": {"file": "not there.mp4"}},
        "2": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
        "3": node("KinographLoadPoseModel", model="movenet_multipose"),
        "4": node("KinographBuildEngine", model=["3", 0]),
        "5": node("KinographDetectPoses", image=["2", 0], engine=["4", 0], detection_size=0),
        "6": node("KinographTrackPoses", poses=["5", 0]),
        "7": node("KinographSmoothPoses", poses=["6", 0], direction="causal"),
        "8": node("KinographDrawSkeleton", poses=["7", 0], style="openpose"),
        **more,
    }


def prepared(graph: Graph, **more: Any) -> LiveGraph:
    made = live_graph(graph, **more)
    made.prepare(30.0, (HEIGHT, WIDTH))
    return made


def states(graph: LiveGraph) -> dict[str, Any]:
    found = graph._graph.states
    assert found is not None
    return dict(found["steps"])


def test_settings_are_the_widgets_of_nodes_that_run_on_every_frame() -> None:
    graph = live_graph(flow_graph())
    nodes = {one.node: one for one in graph.settings()}
    assert list(nodes) == ["3", "4"]
    assert nodes["4"].title == "Draw Flow"
    found = {setting.input: setting for setting in nodes["4"].settings}
    assert "flow" not in found
    assert found["colours"].kind == "COMBO"
    assert {"middlebury", "hsv"} <= set(found["colours"].options)
    assert (found["legend"].kind, found["legend"].value) == ("BOOLEAN", False)
    assert (found["strength"].low, found["strength"].value) == (0.0, 1.0)
    assert found["strength"].tooltip
    # An engine is built once: what it is built from cannot change.
    assert {one.node for one in live_graph(poses_graph()).settings()} == {"5", "6", "7", "8"}


def test_a_value_is_taken_over_with_the_next_frame_and_states_are_kept() -> None:
    graph = prepared(flow_graph())
    for number in range(1, 4):
        before = graph.draw(frame(number))
    assert before is not None
    said = graph.change("4", "colours", "hsv")
    assert said == 'node 4 (KinographDrawFlow): colours is now "hsv"'
    now = graph.draw(frame(4))
    assert now is not None  # at once: the frame before is still known
    fresh = prepared(flow_graph() | {"4": node("KinographDrawFlow", flow=["3", 0], colours="hsv")})
    for number in range(1, 5):
        wanted = fresh.draw(frame(number))
    assert wanted is not None
    assert (now.pixels == wanted.pixels).all()
    assert (now.pixels != before.pixels).any()
    assert graph.changes == 1
    assert graph.assignments() == ["4.colours=hsv"]
    assert graph.warned() == []


def test_a_state_that_no_longer_fits_begins_anew_and_others_are_kept(clip: Clip) -> None:
    graph = prepared(
        poses_graph(**{"6r": node("KinographRetargetPoses", poses=["6", 0])})
        | {"7": node("KinographSmoothPoses", poses=["6r", 0], direction="causal")}
    )
    pictures = [
        Frame(n, 0, 0.0, av.VideoFrame.from_ndarray(np.asarray(one), format="rgb24"))
        for n, one in enumerate((clip.frames[:5] * 255).byte())
    ]
    for picture in pictures[:3]:
        assert graph.draw(picture) is not None
    tracks = states(graph)["6"][0]
    assert len(tracks.people) >= 1
    graph.change("6r", "width", 256)
    graph.change("6r", "height", 192)
    drawn = graph.draw(pictures[3])  # the filter was of another canvas, the tracks are not
    assert drawn is not None
    assert drawn.pixels.shape == (192, 256, 3)
    after = states(graph)["6"][0]
    assert after.next_id == tracks.next_id
    assert sorted(after.people.ids) == sorted(tracks.people.ids)
    assert states(graph)["7"][0].canvas == (192, 256)
    assert graph.warned() == []


def test_nodes_that_hold_frames_back_begin_anew_together() -> None:
    ahead, behind = "next onto this", "previous onto this"
    graph = prepared(
        flow_graph(
            **{
                "3": node("KinographEstimateFlow", image=["2", 0], direction="both"),
                "6": node("KinographFlowWarp", image=["2", 0], flow=["3", 0], onto=ahead),
                "7": node("KinographFlowOcclusion", flow=["3", 0]),
                "8": node("KinographVaceCombine", base=["6", 0], over=["4", 0], mask=["7", 0]),
            }
        ),
        show="8",
    )

    def drawn(first: int, stop: int) -> list[tuple[int, float] | None]:
        """Return the number and time of the picture that each frame gave."""
        came = [graph.draw(frame(n, captured=100.0 + n)) for n in range(first, stop)]
        return [one and (one.number, one.captured) for one in came]

    assert drawn(1, 5) == [None, (1, 101.0), (2, 102.0), (3, 103.0)]
    graph.change("6", "onto", behind)
    assert drawn(5, 9) == [None, (5, 105.0), (6, 106.0), (7, 107.0)]  # with the occlusion's
    graph.change("6", "onto", ahead)
    graph.change("4", "colours", "hsv")
    assert drawn(9, 12) == [None, (9, 109.0), (10, 110.0)]
    assert graph.warned() == []


def test_a_value_that_fails_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    from kinograph.engines.errors import InputError
    from kinograph.nodes.render.flow import DrawFlow

    real = DrawFlow.execute.__func__  # type: ignore[attr-defined]

    def picky(cls: Any, **inputs: Any) -> Any:
        if inputs["strength"] == 3:
            raise InputError("strength: 3 is no good here")
        return real(cls, **inputs)

    monkeypatch.setattr(DrawFlow, "execute", classmethod(picky))
    graph = prepared(flow_graph())
    for number in range(1, 4):
        graph.draw(frame(number))
    graph.change("4", "strength", 3)
    assert graph.draw(frame(4)) is None  # perhaps what it carried did not fit
    assert graph.draw(frame(5)) is None
    (said,) = graph.warned()
    assert said.startswith("the values of before are back: test.json: node 4 (KinographDrawFlow)")
    assert "strength: 3 is no good here" in said
    assert graph.draw(frame(6)) is not None
    assert graph.assignments() == []
    values = {s.input: s.value for s in graph.settings()[1].settings}
    assert values["strength"] == 1.0


@pytest.mark.parametrize(
    ("node_id", "name", "value", "message"),
    [
        ("4", "strength", "much", "input 'strength': expected FLOAT, found \"much\""),
        ("4", "strength", -1, "expected at least 0"),
        ("4", "strength", float("nan"), "found NaN"),
        ("4", "strength", [1], "expected FLOAT"),
        ("4", "colours", "hvs", "did you mean hsv?"),
        ("4", "colours", {"a": 1}, "expected one of"),
        ("4", "normalise", "clip", "the fastest pixel of the clip may be in its last frame"),
        ("4", "flow", 1, "is not a setting that can be changed"),
        ("1", "file", "x.mp4", r"expected one of 3\.direction, .*4\.legend"),
        ("nobody" * 99, "x" * 999, 1, "is not a setting"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_and_nothing_changes(
    node_id: str, name: str, value: Any, message: str
) -> None:
    graph = prepared(flow_graph())
    with pytest.raises(GraphError, match=message) as caught:
        graph.change(node_id, name, value)
    assert len(str(caught.value)) < 2000
    assert "\n" not in str(caught.value)
    graph.draw(frame(1))
    assert (graph.changes, graph.assignments()) == (0, [])


def test_a_value_of_its_own_node_can_be_changed() -> None:
    graph = prepared(
        flow_graph(
            **{
                "4": node("KinographDrawFlow", flow=["3", 0], strength=["9", 0]),
                "9": {"class_type": "PrimitiveFloat", "inputs": {"value": 1.0}},
            }
        )
    )
    for number in range(1, 4):
        before = graph.draw(frame(number))
    assert "strength" not in {s.input for s in graph.settings()[1].settings}
    graph.change("9", "value", 0.0)
    now = graph.draw(frame(4))
    assert before is not None
    assert now is not None
    assert (now.pixels == 255).all()
    assert not (before.pixels == 255).all()


def test_the_style_of_drawn_heads(root: Path) -> None:
    graph = prepared(
        {
            "1": {"class_type": "LoadVideo", "inputs": {"file": "not there.mp4"}},
            "2": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
            "3": node("KinographLoadHeadModel"),
            "4": node("KinographBuildEngine", model=["3", 0], backend="torch"),
            "5": node("KinographDetectHeads", image=["2", 0], engine=["4", 0]),
            "6": node("KinographDrawHeads", heads=["5", 0], style="axes"),
        }
    )
    assert graph.shown.label == "node 6 (KinographDrawHeads), output 0 (IMAGE)"
    assert {one.node for one in graph.settings()} == {"5", "6"}
    with Image.open(root / "workflows" / "media" / "kinograph_astronaut.jpg") as image:
        face = np.asarray(image.convert("RGB"))[:300, 75:375]
    drawn = []
    for number, style in enumerate(("axes", "mediapipe_face"), 1):
        graph.change("6", "style", style)
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(face), format="rgb24")
        drawn.append(graph.draw(Frame(number, 0, 0.0, picture)))
    axes, contours = (one.pixels for one in drawn if one is not None)
    assert axes.shape == contours.shape == (300, 300, 3)
    assert (axes == [255, 48, 48]).all(-1).any()
    assert not (contours == [255, 48, 48]).all(-1).any()
    assert (contours == [10, 200, 10]).all(-1).any()
    assert graph.warned() == []
