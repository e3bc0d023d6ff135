"""Which picture of a graph is shown live, and graphs that have none."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from kinograph.engines.errors import GraphError
from kinograph.engines.runtime import engine as engine_module
from kinograph.engines.runtime.engine import Engine
from kinograph.nodes.standin import host
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.catalogue import catalogue
from kinograph.workflows.graph.load import load_graph
from kinograph.workflows.graph.shipped import MEDIA
from kinograph.workflows.live.picture import choose_shown
from kinograph.workflows.live.slot import Frame
from live_clips import PLAIN, defaults, live_graph


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("pose_to_vace", "node 7 (KinographDrawSkeleton), output 0 (IMAGE)"),
        ("flow_to_vace", "node 4 (KinographDrawFlow), output 0 (IMAGE)"),
        ("pose_over_flow", "node 9 (KinographVaceCombine), output 0 (IMAGE)"),
        ("character_replacement", "node 10 (KinographVaceCombine), output 0 (IMAGE)"),
    ],
)
def test_what_shipped_graphs_show(root: Path, name: str, shown: str) -> None:
    steady = ("8.steady=false",) if name == "character_replacement" else ()
    graph = live_graph(root / "workflows" / "api" / f"{name}.json", *steady)
    assert graph.shown.label == shown
    assert any("KinographSaveVace" in label for label in graph.left_out)


@pytest.mark.parametrize("live", [False, True])
def test_engines_of_clips_fill_their_batches(
    root: Path, live: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And those of streams do not: that would be latency."""
    built: list[Engine] = []
    build = engine_module.build_engine

    def noted(*given: Any, **more: Any) -> Engine:
        built.append(build(*given, **more))
        return built[-1]

    monkeypatch.setattr(engine_module, "build_engine", noted)
    path = root / "workflows" / "api" / "pose_to_vace.json"
    if live:
        live_graph(path).prepare(30.0, (64, 96))
    else:
        assert run_graph(load_graph(path), host.Settings(tmp_path, (MEDIA,), "cpu")).ok
    assert [engine.full_batches for engine in built] == [not live]


def test_the_editor_form_serves_as_well(root: Path) -> None:
    graph = live_graph(root / "workflows" / "pose_to_vace.json")
    assert "KinographDrawSkeleton" in graph.shown.label


@pytest.mark.parametrize(
    ("asked", "label"),
    [
        ("6", "node 6 (KinographDrawSkeleton), output 0 (IMAGE)"),
        ("2.0", "node 2 (GetVideoComponents), output 0 (IMAGE)"),
        ("2.images", "node 2 (GetVideoComponents), output 0 (IMAGE)"),
        ("KinographVaceNormalise", "node 8 (KinographVaceNormalise), output 0 (IMAGE)"),
        ("8.1", "node 8 (KinographVaceNormalise), output 1 (MASK)"),
    ],
)
def test_show_chooses(root: Path, asked: str, label: str) -> None:
    graph = load_graph(root / "workflows" / "api" / "pose_to_vace.json")
    assert choose_shown(graph, catalogue(), asked).label == label


@pytest.mark.parametrize(
    ("name", "assignments", "show", "message"),
    [
        ("pose_to_vace", (), "99", "--show 99: there is no such node .* 7.0 "),
        ("pose_to_vace", (), "KinographDrawSkeleton", "more than one node has this class"),
        ("pose_to_vace", (), "5", r"node 5 \(KinographDetectPoses\) has no such IMAGE"),
        ("pose_to_vace", (), "2.7", "has no such IMAGE or MASK output"),
        ("pose_to_vace", ("8.length=81",), "8", "gives no more pictures than its length"),
        ("flow_to_vace", ("5.preset=wan_480p",), "5", "set fps to 0"),
        ("flow_to_vace", ("4.normalise=clip",), "", "node 4 .* choose vace, fixed or ema"),
        ("tracked_poses_to_vace", (), "", r"node 8 \(KinographSmoothPoses\): .* choose causal"),
        ("keypoints_and_back", (), "", r"node 9 \(KinographPosesFromKeypoints\): .*Load Poses$"),
        ("character_replacement", (), "", r"node 8 \(KinographVaceMask\): .* steady to false"),
        ("character_replacement", (), "11", "does not depend on the frames"),
        ("build_and_benchmark", (), "", "nothing to show: .* none: add Load Video"),
    ],
)
def test_graphs_that_cannot_be_shown_live(
    root: Path, name: str, assignments: tuple[str, ...], show: str, message: str
) -> None:
    path = root / "workflows" / "api" / f"{name}.json"
    with pytest.raises(GraphError, match=message) as caught:
        live_graph(path, *assignments, show=show)
    assert "--chunk" not in str(caught.value)


def test_tracked_poses_run_live_once_smoothing_is_causal(root: Path) -> None:
    path = root / "workflows" / "api" / "tracked_poses_to_vace.json"
    graph = live_graph(path, "8.direction=causal")
    assert graph.shown.node.id == "12"
    (warning,) = graph.warnings
    assert warning.startswith("node 7 (KinographFillPoseGaps): holds pictures back")


def test_two_videos_are_refused() -> None:
    graph = {
        **PLAIN,
        "4": {"class_type": "LoadVideo", "inputs": {"file": "b.mp4"}},
        "5": {"class_type": "GetVideoComponents", "inputs": {"video": ["4", 0]}},
        "6": {
            "class_type": "KinographVaceCombine",
            "inputs": defaults("KinographVaceCombine") | {"base": ["2", 0], "over": ["5", 0]},
        },
    }
    with pytest.raises(GraphError, match=r"node 1 \(LoadVideo\) and node 4 .*one video"):
        live_graph(graph, show="6")


def test_load_video_frames_takes_the_stream() -> None:
    """Its file need not exist; the stream has no alpha, so its mask is black."""
    whole = {"file": "not there.mp4", "fps": 0.0, "start": 0.0, "duration": 0.0, "every": 1}
    graph = live_graph(
        {
            "1": {"class_type": "KinographLoadVideoFrames", "inputs": whole},
            "2": {"class_type": "InvertMask", "inputs": {"mask": ["1", 1]}},
            "3": {"class_type": "MaskToImage", "inputs": {"mask": ["2", 0]}},
            "4": {
                "class_type": "ImageStitch",
                "inputs": {
                    **{"image1": ["1", 0], "image2": ["3", 0], "direction": "right"},
                    **{"match_image_size": True, "spacing_width": 0, "spacing_color": "white"},
                },
            },
        },
        show="4",
    )
    graph.prepare(30.0, (64, 96))
    black = av.VideoFrame.from_ndarray(np.zeros((64, 96, 3), np.uint8), format="rgb24")
    drawn = graph.draw(Frame(0, 0, 0.0, black))
    assert drawn is not None
    assert drawn.pixels.shape == (64, 192, 3)
    assert drawn.pixels[:, :96].max() < 5
    assert drawn.pixels[:, 96:].min() > 250
