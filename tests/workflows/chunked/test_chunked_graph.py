"""A graph that is fed with frames by its caller, as a camera does."""

from pathlib import Path

import pytest
import torch

from chunked_clips import flow_graph, footage, graph_of, make_video, panning, planned, tracks_graph
from kinograph.engines.errors import GraphError
from kinograph.engines.video.part import VideoPart
from kinograph.nodes.standin import host, io
from kinograph.nodes.streaming import Refusal, Rule
from kinograph.workflows.chunked.chunked_graph import ChunkedGraph
from kinograph.workflows.graph.catalogue import Catalogue, catalogue
from kinograph.workflows.graph.load import parse_graph
from kinograph.workflows.graph.plan import check


@pytest.fixture
def graph(tmp_path: Path) -> ChunkedGraph:
    make_video(tmp_path / "clip.mp4", 2, sound=False)
    plan, settings = planned(flow_graph("clip.mp4"), tmp_path)
    return ChunkedGraph(plan, catalogue(), settings)


def drawn(graph: ChunkedGraph, frames: torch.Tensor, size: int) -> torch.Tensor:
    videos = [
        stepped.sinks["s"]["video"]
        for chunk in frames.split(size)
        if "s" in (stepped := graph.step(chunk, 12.5)).sinks
    ]
    assert all(isinstance(video, VideoPart) for video in videos)
    assert all(video.rate == 12.5 for video in videos)
    return torch.cat([video.frames for video in videos])


def test_frames_in_pictures_out(graph: ChunkedGraph, tmp_path: Path) -> None:
    frames = panning(12)
    assert graph.sources == ("f",)
    one = drawn(graph, frames, 5)
    list(graph.flush())
    other = drawn(graph, frames, 1)
    assert one.shape == other.shape == (12, *frames.shape[1:])
    assert torch.equal(one, other)
    assert not (tmp_path / "out").exists()  # who saves does not run


def test_a_copy_goes_on(graph: ChunkedGraph, tmp_path: Path) -> None:
    frames = panning(12)
    drawn(graph, frames[:5], 5)
    plan, settings = planned(flow_graph("clip.mp4"), tmp_path)
    copy = ChunkedGraph(plan, catalogue(), settings)
    copy.states = graph.states
    assert torch.equal(drawn(graph, frames[5:], 3), drawn(copy, frames[5:], 3))


def test_a_new_beginning(graph: ChunkedGraph) -> None:
    frames = panning(6)
    one = drawn(graph, frames, 6)
    graph.reset()
    assert torch.equal(one, drawn(graph, frames, 6))


def test_what_needs_the_whole_clip(tmp_path: Path) -> None:
    make_video(tmp_path / "clip.mp4", 2, sound=False)
    (tmp_path / "one.png").write_bytes(b"")
    plan, settings = planned(tracks_graph("clip.mp4"), tmp_path)
    with pytest.raises(GraphError, match=r"node m \(KinographSmoothPoses\): needs the whole clip"):
        ChunkedGraph(plan, catalogue(), settings)


def test_no_frames_to_take(tmp_path: Path) -> None:
    nodes = {
        "p": ("KinographLoadPoses", {"file": "x"}),
        "d": ("KinographDrawSkeleton", {"poses": ["p", 0]}),
        "s": ("PreviewImage", {"images": ["d", 0]}),
    }
    plan, settings = planned(graph_of(nodes), tmp_path)
    with pytest.raises(GraphError, match="add Get Video Components"):
        ChunkedGraph(plan, catalogue(), settings)


def test_the_video_of_the_graph_need_not_be_read(tmp_path: Path) -> None:
    """Load Video only stands for the frames; a file that is none is not opened."""
    (tmp_path / "clip.mp4").write_bytes(b"none")
    nodes = {**footage("clip.mp4"), "s": ("PreviewImage", {"images": ["f", 0]})}
    plan, settings = planned(graph_of(nodes), tmp_path)
    stepped = ChunkedGraph(plan, catalogue(), settings).step(panning(2), 10)
    assert stepped.sinks["s"]["images"].shape[0] == 2


class Dark(io.ComfyNode):
    """A node of somebody else."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema("Dark", inputs=[io.Image.Input("image")], outputs=[io.Image.Output()])

    @classmethod
    def execute(cls, image: torch.Tensor) -> io.NodeOutput:
        return io.NodeOutput(image / 2)


class DarkInChunks(Dark):
    STREAMING = Rule("frames", ("image",))


class DarkAsAWhole(Dark):
    STREAMING = Rule(
        "frames", ("image",), whole=lambda values: Refusal("dusk is seen at the end only")
    )


def toy_graph(node: type[Dark], folder: Path) -> ChunkedGraph:
    make_video(folder / "clip.mp4", 2, sound=False)
    known = {name: catalogue().node(name) for name in catalogue().names()}
    nodes = Catalogue({**known, "Dark": node})
    graph = {
        "v": {"class_type": "LoadVideo", "inputs": {"file": "clip.mp4"}},
        "f": {"class_type": "GetVideoComponents", "inputs": {"video": ["v", 0]}},
        "d": {"class_type": "Dark", "inputs": {"image": ["f", 0]}},
        "s": {"class_type": "PreviewImage", "inputs": {"images": ["d", 0]}},
    }
    settings = host.Settings(output=folder / "out", inputs=(folder,))
    with host.using(settings):
        return ChunkedGraph(check(parse_graph(graph, "toy.json"), nodes), nodes, settings)


def test_the_rule_is_that_of_the_class(tmp_path: Path) -> None:
    frames = panning(3)
    stepped = toy_graph(DarkInChunks, tmp_path).step(frames, 10)
    assert torch.equal(stepped.sinks["s"]["images"], frames / 2)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (Dark, r"node d \(Dark\): is not known to give the same in chunks; run it without --chunk"),
        (DarkAsAWhole, r"node d \(Dark\): dusk is seen at the end only; run it without --chunk"),
    ],
)
def test_nodes_that_do_not_run_in_chunks(node: type[Dark], message: str, tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=message):
        toy_graph(node, tmp_path)
