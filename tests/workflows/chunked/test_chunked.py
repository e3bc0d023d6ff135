"""Runs in chunks give the files of the run in one piece, also after they were killed."""

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
import torch
from PIL import Image

from chunked_clips import (
    contents,
    flow_graph,
    footage,
    graph_of,
    make_inputs,
    make_video,
    panning,
    tracks_graph,
)
from kinograph.engines.errors import GraphError
from kinograph.engines.video import segments
from kinograph.engines.video.clip import Clip
from kinograph.engines.video.encoding import as_encoded
from kinograph.engines.video.part import VideoPart
from kinograph.engines.video.read import read_video
from kinograph.engines.video.segments import join_segments, planes_of, to_bytes, write_segment
from kinograph.engines.video.write import write_video
from kinograph.nodes.standin import host
from kinograph.nodes.streaming import growing
from kinograph.workflows.chunked import resumable_run as chunked
from kinograph.workflows.chunked.journal import Journal
from kinograph.workflows.core.save_video import VideoSink
from kinograph.workflows.execution.caching import ResultCache
from kinograph.workflows.execution.report import Report
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.assign import with_values
from kinograph.workflows.graph.catalogue import catalogue
from kinograph.workflows.graph.load import load_graph
from kinograph.workflows.graph.model import Graph
from video_files import cut, remux

pytestmark = pytest.mark.long

SUPPORT = Path(__file__).parents[2] / "support"
WORKFLOWS = Path(__file__).parents[3] / "workflows"
FRAMES = 263  # a segment and some


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_inputs(tmp_path_factory.mktemp("inputs"), FRAMES)


def run(graph: Graph, inputs: Path, output: Path, chunk: int = 0, **more: Any) -> Report:
    settings = host.Settings(output=output, inputs=(inputs,))
    report = run_graph(graph, settings, chunk=chunk, **more)
    assert report.ok, report.errors
    return report


@pytest.fixture(scope="module")
def whole(
    inputs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], dict[str, bytes]]:
    """The files of a graph's run in one piece."""
    known: dict[str, dict[str, bytes]] = {}

    def files(name: str) -> dict[str, bytes]:
        if name not in known:
            output = tmp_path_factory.mktemp(name)
            run(GRAPHS[name]("clip.mp4"), inputs, output)
            known[name] = contents(output)
        return known[name]

    return files


GRAPHS = {"flow": flow_graph, "tracks": tracks_graph}
Whole = Callable[[str], dict[str, bytes]]


@pytest.mark.parametrize(
    ("name", "chunk"), [("flow", 7), ("flow", 1000), ("tracks", 7), ("tracks", 64)]
)
def test_the_same_files(name: str, chunk: int, inputs: Path, whole: Whole, tmp_path: Path) -> None:
    report = run(GRAPHS[name]("clip.mp4"), inputs, tmp_path, chunk)
    assert contents(tmp_path) == whole(name)
    assert {str(p.relative_to(tmp_path.resolve())) for p in report.files if p.is_file()} <= set(
        whole(name)
    )
    assert not list(tmp_path.rglob("*.parts"))
    assert [node.id for node in report.nodes if node.files] != []


@pytest.fixture(scope="module")
def small_clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A part of each shipped clip at half its size, by the clip's name."""
    folder = tmp_path_factory.mktemp("small")
    for path in (WORKFLOWS / "media").glob("*.mp4"):
        clip = read_video(path)
        write_video(folder / path.name, Clip(clip.frames[:6, ::2, ::2].contiguous(), clip.rate))
    return {path.name: path for path in folder.iterdir()}


SHIPPED = [
    path.stem
    for path in sorted((WORKFLOWS / "api").glob("*.json"))
    if any(node.class_type == "LoadVideo" for node in load_graph(path).nodes.values())
    # With fewer pixels in tests/upscale/test_upscale_nodes.py and tests/head/test_head_graphs.py.
    and path.stem not in ("upscale", "infer_render_enhance")
]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_graphs(name: str, small_clips: dict[str, Path], tmp_path: Path) -> None:
    graph = load_graph(WORKFLOWS / "api" / f"{name}.json")
    (own,) = {n.inputs["file"] for n in graph.nodes.values() if n.class_type == "LoadVideo"}
    graph = with_values(graph, [f"LoadVideo.file={small_clips[own]}"], catalogue())
    cache = ResultCache()  # the engine stays warm
    run(graph, WORKFLOWS / "media", tmp_path / "whole", cache=cache)
    for chunk in (1, 4):
        run(graph, WORKFLOWS / "media", tmp_path / str(chunk), chunk, cache=cache)
        assert contents(tmp_path / str(chunk)) == contents(tmp_path / "whole")


@pytest.mark.skipif(os.name != "posix", reason="forks, and kills by signal")
@pytest.mark.parametrize(("name", "seed"), [("flow", 1), ("tracks", 2)])
def test_a_run_that_is_killed_again_and_again(
    name: str, seed: int, inputs: Path, whole: Whole, tmp_path: Path
) -> None:
    """Whatever the kill interrupts, nothing is lost and nothing doubled."""
    for file in inputs.iterdir():
        (tmp_path / file.name).symlink_to(file)
    done = subprocess.run(
        [sys.executable, str(SUPPORT / "killed_runs.py"), str(tmp_path), name, str(seed)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, said
    assert said.count(" 9\n") >= 4, said  # runs that were killed
    assert "resuming at frame" in said, said
    assert contents(tmp_path / "out") == whole(name), said


def interrupted(
    graph: Graph, inputs: Path, output: Path, *, frames: int = 100, error: Any = KeyboardInterrupt
) -> None:
    """Run until so many frames are done, then stop as Ctrl-C does."""
    done = 0

    def progress(label: str, total: int) -> Callable[[int], None]:
        def step(count: int) -> None:
            nonlocal done
            done += count
            if done > frames:
                raise error

        return step

    with pytest.raises(error):
        run(graph, inputs, output, 25, progress=progress)


@pytest.fixture
def each_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the journal written after each chunk."""
    monkeypatch.setattr(chunked, "_SECONDS", 0.0)


def test_ctrl_c_leaves_what_can_be_taken_up(
    inputs: Path, whole: Whole, tmp_path: Path, each_chunk: None
) -> None:
    interrupted(flow_graph("clip.mp4"), inputs, tmp_path)
    assert not [name for name in contents(tmp_path) if ".parts" not in name]
    report = run(flow_graph("clip.mp4"), inputs, tmp_path, 64)
    assert "resuming at frame 100 of 263" in report.warnings
    assert contents(tmp_path) == whole("flow")
    again = run(flow_graph("clip.mp4"), inputs, tmp_path, 64)
    assert "a/flow_00002_.mp4" in {str(p.relative_to(tmp_path.resolve())) for p in again.files}


def test_a_run_with_its_time_in_the_names(
    inputs: Path, tmp_path: Path, each_chunk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is taken up under the names that it began with."""
    began = datetime(2026, 12, 31, 23, 59, 9).timetuple()
    graph = with_values(
        flow_graph("clip.mp4"), ["s.filename_prefix=%year%/%hour%.%second%"], catalogue()
    )
    monkeypatch.setattr(time, "localtime", lambda: began)
    interrupted(graph, inputs, tmp_path)
    monkeypatch.setattr(time, "localtime", lambda: datetime(2027, 1, 1).timetuple())
    report = run(graph, inputs, tmp_path, 64)
    assert "resuming at frame 100 of 263" in report.warnings
    assert not (tmp_path / "2027").exists()
    run(graph, inputs, tmp_path)
    files = contents(tmp_path)
    assert files["2026/23.09_00001_.mp4"] == files["2027/00.00_00001_.mp4"]


def test_names_with_a_time_leave_other_runs_alone(
    inputs: Path, tmp_path: Path, each_chunk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their files have other names: nothing is in the way, and nothing is removed."""
    at = ["s.filename_prefix=a/%second%"]
    graph = with_values(flow_graph("clip.mp4"), at, catalogue())
    other = with_values(graph, ["d.strength=0.5"], catalogue())
    for second, one in ((9, other), (10, graph)):
        now = datetime(2026, 12, 31, 23, 59, second).timetuple()
        monkeypatch.setattr(time, "localtime", lambda now=now: now)
        interrupted(one, inputs, tmp_path)
    report = run(graph, inputs, tmp_path, 64, restart=True)
    assert not any("resuming" in warning for warning in report.warnings)
    assert next(path.name for path in report.files) == "10_00001_.mp4"
    report = run(other, inputs, tmp_path, 64)
    assert "resuming at frame 100 of 263" in report.warnings
    assert not list(tmp_path.rglob("*.parts"))


def test_a_size_in_a_name_is_refused(inputs: Path, tmp_path: Path) -> None:
    """Before anything is made, whichever of several nodes has it."""
    with pytest.raises(
        GraphError, match=r"s1 \(SaveVideo\): filename_prefix: '%width%' has %width%"
    ):
        run(videos("a", "%width%"), inputs, tmp_path, 64)
    assert not list(tmp_path.rglob("*.parts"))


def test_another_graph_is_refused(inputs: Path, tmp_path: Path, each_chunk: None) -> None:
    interrupted(flow_graph("clip.mp4"), inputs, tmp_path)
    other = with_values(flow_graph("clip.mp4"), ["d.strength=0.5"], catalogue())
    message = (
        r"(?s)a different run was interrupted here.*"
        r"node d \(KinographDrawFlow\): strength was 1.0, is 0.5.*--restart"
    )
    with pytest.raises(GraphError, match=message):
        run(other, inputs, tmp_path, 64)
    run(other, inputs, tmp_path, 64, restart=True)
    assert not list(tmp_path.rglob("*.parts"))
    assert "a/flow_00001_.mp4" in contents(tmp_path)


def test_another_input_is_refused(inputs: Path, tmp_path: Path, each_chunk: None) -> None:
    make_video(tmp_path / "clip.mp4", 60)
    interrupted(flow_graph("clip.mp4"), tmp_path, tmp_path / "out", frames=40)
    make_video(tmp_path / "clip.mp4", 61)
    with pytest.raises(GraphError, match=r"(?s)clip.mp4 has changed since"):
        run(flow_graph("clip.mp4"), tmp_path, tmp_path / "out", 64)
    run(flow_graph("clip.mp4"), tmp_path, tmp_path / "out", 64, restart=True)
    assert len(read_video(tmp_path / "out" / "a" / "flow_00001_.mp4").frames) == 61


def test_two_runs_do_not_share_an_output(
    inputs: Path, whole: Whole, tmp_path: Path, each_chunk: None
) -> None:
    interrupted(flow_graph("clip.mp4"), inputs, tmp_path)
    journal = Journal(next((tmp_path / "a").glob("*.parts")))
    assert journal.acquire()
    with pytest.raises(GraphError, match="another run of the same graph is working on it"):
        run(flow_graph("clip.mp4"), inputs, tmp_path, 64)
    # another graph takes another number
    other = with_values(flow_graph("clip.mp4"), ["d.strength=0.5"], catalogue())
    report = run(other, inputs, tmp_path, 64)
    assert "flow_00002_.mp4" in {path.name for path in report.files}
    journal.release()
    run(flow_graph("clip.mp4"), inputs, tmp_path, 64)
    assert contents(tmp_path)["a/flow_00001_.mp4"] == whole("flow")["a/flow_00001_.mp4"]


@pytest.mark.parametrize(
    ("damage", "frames"), [("journal", 40), ("state", 40), ("segment", 255), ("spool", 130)]
)
def test_damaged_parts_are_refused(
    damage: str, frames: int, inputs: Path, whole: Whole, tmp_path: Path, each_chunk: None
) -> None:
    interrupted(flow_graph("clip.mp4"), inputs, tmp_path, frames=frames)
    folder = next((tmp_path / "a").glob("*.parts"))
    pattern = {"journal": "journal.json", "state": "*.state", "segment": "*.mp4", "spool": "*.yuv"}
    for path in folder.glob(pattern[damage]):
        if path.name != "sound.state":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(GraphError, match="--restart"):
        run(flow_graph("clip.mp4"), inputs, tmp_path, 64)
    run(flow_graph("clip.mp4"), inputs, tmp_path, 64, restart=True)
    assert contents(tmp_path) == whole("flow")


def test_a_full_disk(
    inputs: Path,
    whole: Whole,
    tmp_path: Path,
    each_chunk: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    append = growing.Growing.append
    calls = 0

    def full(self: growing.Growing, data: bytes) -> None:
        nonlocal calls
        calls += 1
        if calls > 300:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        append(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(growing.Growing, "append", full)
        with pytest.raises(GraphError, match=r"No space left.*make room, and run the same command"):
            run(flow_graph("clip.mp4"), inputs, tmp_path, 16)
    report = run(flow_graph("clip.mp4"), inputs, tmp_path, 16)
    assert any("resuming" in line for line in report.warnings)
    assert contents(tmp_path) == whole("flow")


def test_a_video_that_was_finished_is_finished_again_whole(tmp_path: Path) -> None:
    """A run cut short between its files and its end puts the files together once more."""
    for frames in (20, 260):
        path = tmp_path / f"v_{frames:05}_.mp4"
        path.with_name(f"{path.name}.parts").mkdir()
        sink = VideoSink(path)
        sink.write(
            {"video": VideoPart(torch.rand(frames, 32, 32, 3), Fraction(24)), "format": "auto"}
        )
        sink.finish()
        mark, made = sink.mark(), path.read_bytes()
        sink.close()
        again = VideoSink(path)
        again.resume(mark)
        again.finish()
        again.close()
        assert path.read_bytes() == made


def videos(*prefixes: str, **more: tuple[str, dict[str, Any]]) -> Graph:
    """The clip, saved under each prefix."""
    saved = {
        f"s{i}": ("SaveVideo", {"video": ["c", 0], "filename_prefix": prefix})
        for i, prefix in enumerate(prefixes)
    }
    made = {"c": ("CreateVideo", {"images": ["f", 0], "fps": ["f", 2]})}
    return graph_of({**footage("clip.mp4"), **made, **saved, **more})


def test_parts_of_another_run_are_left_alone(
    inputs: Path, tmp_path: Path, each_chunk: None
) -> None:
    """Of a run with several outputs only the first has the journal."""
    interrupted(videos("a/one", "b/two"), inputs, tmp_path)
    (theirs,) = (tmp_path / "b").glob("*.parts")
    held = sorted(path.name for path in theirs.iterdir())
    report = run(videos("b/two"), inputs, tmp_path, 64)
    assert [path.name for path in report.files] == ["two_00002_.mp4"]
    assert sorted(path.name for path in theirs.iterdir()) == held
    report = run(videos("a/one", "b/two"), inputs, tmp_path, 64)
    assert any("resuming" in line for line in report.warnings)
    assert [path.name for path in report.files] == ["one_00001_.mp4", "two_00001_.mp4"]


def test_parts_that_are_gone(inputs: Path, tmp_path: Path, each_chunk: None) -> None:
    interrupted(videos("a/one", "b/two"), inputs, tmp_path)
    shutil.rmtree(next((tmp_path / "b").glob("*.parts")))
    with pytest.raises(GraphError, match=r"two_00001_.mp4.parts: is gone.*--restart"):
        run(videos("a/one", "b/two"), inputs, tmp_path, 64)


def test_a_disk_that_is_full_at_the_end(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known of the whole clip by then is not lost."""
    graph = videos(
        "v",
        e=("KinographEstimateFlow", {"image": ["f", 0], "dis_preset": "ultrafast"}),
        s=("KinographFlowStatistics", {"flow": ["e", 0]}),
        p=("PreviewAny", {"source": ["s", 0]}),
    )

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(segments, "join_segments", full)
        with pytest.raises(GraphError, match="No space left"):
            run(graph, inputs, tmp_path, 100)
    assert [path.name for path in run(graph, inputs, tmp_path, 100).files] == ["v_00001_.mp4"]


def test_a_broken_file_is_named_as_in_one_piece(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mp4", 90, sound=False)
    remuxed = remux(whole, tmp_path / "front.mp4", options={"movflags": "faststart"})
    cut(remuxed, tmp_path / "clip.mp4", 2 / 3)
    with pytest.raises(GraphError, match=r"clip.mp4: breaks off .* frames") as chunks:
        run(flow_graph("clip.mp4"), tmp_path, tmp_path / "out", 16)
    report = run_graph(
        flow_graph("clip.mp4"), host.Settings(output=tmp_path / "o", inputs=(tmp_path,))
    )
    assert report.errors[0] in str(chunks.value)
    assert not [name for name in contents(tmp_path / "out") if ".parts" not in name]


def test_a_variable_frame_rate(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("h264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 96, 80, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        at = 0
        for i, pixels in enumerate(to_bytes(panning(40))):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, 1000)
            at += 20 + i % 7 * 15
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    run(flow_graph("clip.mp4"), tmp_path, tmp_path / "whole")
    for chunk in (1, 13):
        run(flow_graph("clip.mp4"), tmp_path, tmp_path / str(chunk), chunk)
        assert contents(tmp_path / str(chunk)) == contents(tmp_path / "whole")
    by_time = read_video(tmp_path / "clip.mp4")  # the shortest interval is 20 ms
    assert (by_time.rate, len(by_time.frames)) == (50, 124)
    assert len(read_video(tmp_path / "1" / "a" / "flow_00001_.mp4").frames) == 124


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(25)])
def test_rate_and_sound_are_kept(rate: Fraction, tmp_path: Path) -> None:
    make_video(tmp_path / "clip.mp4", 70, rate)
    run(flow_graph("clip.mp4"), tmp_path, tmp_path / "out", 16)
    before, after = (
        read_video(p) for p in (tmp_path / "clip.mp4", tmp_path / "out/a/flow_00001_.mp4")
    )
    assert after.rate == before.rate == rate
    assert before.audio is not None
    assert after.audio is not None
    one, other = before.audio.waveform[0, 0], after.audio.waveform[0, 0]
    size = min(len(one), len(other))
    assert abs(len(one) - len(other)) <= 1024  # a frame of AAC
    assert float((one[:size] - other[:size]).abs().mean()) < 0.005


def test_a_clip_of_one_frame(tmp_path: Path) -> None:
    make_video(tmp_path / "clip.mp4", 1, sound=False)
    run(flow_graph("clip.mp4"), tmp_path, tmp_path / "whole")
    run(flow_graph("clip.mp4"), tmp_path, tmp_path / "out", 16)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_videos_of_different_lengths(tmp_path: Path) -> None:
    make_video(tmp_path / "long.mp4", 12, sound=False)
    make_video(tmp_path / "short.mp4", 10, sound=False)
    graph = graph_of(
        {
            **footage("long.mp4"),
            "w": ("LoadVideo", {"file": "short.mp4"}),
            "h": ("GetVideoComponents", {"video": ["w", 0]}),
            "b": ("KinographVaceCombine", {"base": ["f", 0], "over": ["h", 0]}),
            "s": ("SaveImage", {"images": ["b", 0], "filename_prefix": "x"}),
        }
    )
    with pytest.raises(GraphError, match=r"node b .*found 12 in base, 10 in over"):
        run(graph, tmp_path, tmp_path / "out", 4)


def test_progress_counts_every_frame_once(inputs: Path, tmp_path: Path, each_chunk: None) -> None:
    interrupted(flow_graph("clip.mp4"), inputs, tmp_path)
    bars: list[tuple[str, int, list[int]]] = []

    def progress(label: str, total: int) -> Callable[[int], None]:
        bars.append((label, total, []))
        return bars[-1][2].append

    run(flow_graph("clip.mp4"), inputs, tmp_path, 64, progress=progress)
    ((label, total, steps),) = bars
    assert (label, total, sum(steps)) == ("frames", FRAMES, FRAMES)
    assert steps[0] == 100  # what the run before had done


def test_a_chunk_of_nothing() -> None:
    with pytest.raises(GraphError, match="at least 1 frame"):
        chunked.run_in_chunks(None, catalogue(), host.Settings(), 0)  # type: ignore[arg-type]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux for its memory")
def test_memory_does_not_grow_with_the_video(tmp_path: Path) -> None:
    frames, rate = 8000, as_encoded(Fraction(30))
    part = tmp_path / "part.mp4"
    write_segment(part, planes_of(to_bytes(panning(250, 48, 64))), rate)
    join_segments(tmp_path / "clip.mp4", [part] * (frames // 250), rate, frames=frames)
    graph = graph_of(
        {
            **footage("clip.mp4"),
            "c": ("CreateVideo", {"images": ["f", 0], "fps": ["f", 2]}),
            "s": ("SaveVideo", {"video": ["c", 0], "filename_prefix": "x"}),
        }
    )
    seen: dict[int, float] = {}
    done = 0

    def progress(label: str, total: int) -> Callable[[int], None]:
        def step(count: int) -> None:
            nonlocal done
            done += count
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            seen[done] = pages * os.sysconf("SC_PAGE_SIZE") / 2**20

        return step

    torch.set_num_threads(1)
    run(graph, tmp_path, tmp_path / "out", 64, progress=progress)
    early = max(size for at, size in seen.items() if 1000 < at < 3000)
    late = max(size for at, size in seen.items() if at > 6000)
    # all frames are 281 MiB
    assert late - early < 20
    with av.open(str(tmp_path / "out" / "x_00001_.mp4")) as container:
        assert container.streams.video[0].frames == frames


@pytest.mark.parametrize("chunk", [0, 2])
def test_odd_sides_are_padded_and_said(chunk: int, tmp_path: Path) -> None:
    """A video of 33x47 is saved, whole and in chunks, and nothing was computed in vain."""
    for number in range(3):
        Image.new("RGB", (33, 47), (250, 40 * number, 0)).save(tmp_path / f"f_{number}.png")
    graph = graph_of(
        {
            "v": ("LoadVideo", {"file": str(tmp_path / "f_%d.png")}),
            "f": ("GetVideoComponents", {"video": ["v", 0]}),
            "c": ("CreateVideo", {"images": ["f", 0], "fps": 16.0}),
            "s": ("SaveVideo", {"video": ["c", 0], "filename_prefix": "v"}),
        }
    )
    report = run(graph, tmp_path, tmp_path / "out", chunk)
    assert [w for w in report.warnings if "padded from 33x47 to 34x48" in w]
    with av.open(str(report.files[0])) as file:
        stream = file.streams.video[0]
        assert (stream.width, stream.height, stream.frames) == (34, 48, 3)
