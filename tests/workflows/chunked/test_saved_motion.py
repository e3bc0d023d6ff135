"""Bodies in chunks: files and figures of the run in one piece, also interrupted; frames that are
sent."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from chunked_clips import contents, footage, graph_of, make_video
from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.files import FORMATS, write_bodies
from kinograph.engines.body.rig import mannequin
from kinograph.engines.errors import GraphError, InputError
from kinograph.nodes.body.statistics import BodyStatistics
from kinograph.nodes.standin import host
from kinograph.nodes.streaming import Sink
from kinograph.nodes.streaming.states import load_state, save_state
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.catalogue import catalogue
from made_bodies import moving
from receivers import TcpReceiver

FRAMES = 23
BODIES = moving(9)
CHUNKS = [BODIES.slice(0, 2), BODIES.slice(2, 2), BODIES.slice(2, 9)]


def sink(folder: Path, form: str) -> Sink:
    rule = catalogue().rule("KinographSaveMotion")
    assert rule is not None
    assert rule.saves is not None
    made = rule.saves.sink(folder / f"walk_00001_{rule.saves.suffix_of(form)}", form, {})
    made.parts.mkdir(exist_ok=True)
    return made


def write(into: Sink, bodies: Bodies) -> None:
    into.write({"bodies": bodies, "fps": 12.5})


def marked(of: Sink) -> dict[str, object]:
    found: dict[str, object] = json.loads(json.dumps(of.mark()))
    return found


@pytest.mark.parametrize("form", ["bvh", "glb"])
@pytest.mark.parametrize("kept", [0, 1, 3])
def test_what_was_written_after_the_mark_is_written_again(
    form: str, kept: int, tmp_path: Path
) -> None:
    """Killed among the frames, while files are made, and while they get their names."""
    whole = tmp_path / "whole"
    whole.mkdir()
    suffix = FORMATS[form].suffix
    files = write_bodies(BODIES, whole / f"walk_00001_{suffix}", form, rig=mannequin(), fps=12.5)
    killed = sink(tmp_path, form)
    for chunk in CHUNKS[:kept]:
        write(killed, chunk)
    mark = marked(killed)
    for chunk in CHUNKS[kept:]:
        write(killed, chunk)
    killed.prepare()  # and the journal was not written any more
    killed.close()
    resumed = sink(tmp_path, form)
    resumed.resume(mark)
    for chunk in CHUNKS[kept:]:
        write(resumed, chunk)
    resumed.prepare()
    mark = marked(resumed)
    resumed.close()
    ending = sink(tmp_path, form)
    ending.resume(mark)
    found = ending.finish()
    assert ending.finish() == ending.appearing() == found
    assert [path.name for path in found] == [path.name for path in files]
    assert len(found) == (2 if form == "bvh" else 1)
    for path, right in zip(found, files, strict=True):
        assert path.read_bytes() == right.read_bytes()
    ending.close()


def test_what_a_sink_of_motion_refuses(tmp_path: Path) -> None:
    empty = sink(tmp_path, "bvh")
    write(empty, BODIES.slice(0, 0))
    with pytest.raises(InputError, match="found none; nothing to save"):
        empty.prepare()
    write(empty, replace(BODIES, count=BODIES.count * 0))
    with pytest.raises(InputError, match="nobody is in any frame"):
        empty.prepare()
    mark = {**marked(empty), "names": ["../elsewhere.bvh"]}
    empty.close()
    resumed = sink(tmp_path, "bvh")
    with pytest.raises(ValueError, match="names of files"):
        resumed.resume(mark)
    resumed.close()


def test_a_graph_that_saves_measures_and_sends(tmp_path: Path) -> None:
    """Files and figures are the same in one piece and in chunks; each frame is sent once."""
    make_video(tmp_path / "clip.mp4", FRAMES, sound=False)
    write_bodies(moving(FRAMES), tmp_path / "b.safetensors", "safetensors", rig=mannequin(), fps=15)
    with TcpReceiver() as receiver:
        saved = {
            form: (
                "KinographSaveMotion",
                {"bodies": ["b", 0], "form": form, "filename_prefix": form, "fps": ["f", 2]},
            )
            for form in FORMATS
        }
        send = {"protocol": "json", "address": f":{receiver.port}", "pace": "as taken"}
        graph = graph_of(
            {
                **footage("clip.mp4"),
                "b": ("KinographLoadBodies", {"file": "b.safetensors"}),
                "m": ("KinographBodyStatistics", {"bodies": ["b", 0], "fps": ["f", 2]}),
                "t": ("SaveText", {"text": ["m", 1], "filename_prefix": "t", "format": "csv"}),
                "j": ("SaveText", {"text": ["m", 0], "filename_prefix": "t", "format": "json"}),
                "p": ("SaveImage", {"images": ["m", 2], "filename_prefix": "plot"}),
                "s": ("KinographSendBodies", {"bodies": ["b", 0], "fps": ["f", 2], **send}),
                **saved,
            }
        )
        for chunk in (0, 7):
            settings = host.Settings(output=tmp_path / f"out{chunk}", inputs=(tmp_path,))
            report = run_graph(graph, settings, chunk=chunk)
            assert report.ok, report.errors
            (said,) = (node.text for node in report.nodes if node.id == "s")
            assert said == f"json :{receiver.port}: {FRAMES} frames sent, 0 dropped"
        lines = [json.loads(line) for line in receiver.data.splitlines()]
        assert [line.get("frame") for line in lines] == 2 * [None, *range(FRAMES)]
        assert lines[-1]["time"] == pytest.approx((FRAMES - 1) / 15)
    found = contents(tmp_path / "out0")
    assert contents(tmp_path / "out7") == found
    assert {name.partition(".")[0] for name in found} == {
        *("bvh_00001_track3", "bvh_00001_track4", "smpl_00001_track3", "smpl_00001_track4"),
        *("glb_00001_", "safetensors_00001_", "t_00001_", "t_00002_", "plot_00001_"),
    }


@pytest.mark.parametrize("sizes", [[5, 1, 1, 7, 9], [1] * FRAMES])
def test_figures_of_uneven_chunks(sizes: list[int], tmp_path: Path) -> None:
    """The same bits, also if each chunk is taken up by another step."""
    bodies = moving(FRAMES)
    inputs = {"fps": 15.0, "condition": "Low Light", "columns": "by track"}
    expected = BodyStatistics.execute(bodies, **inputs).args
    step, at = BodyStatistics.STREAMING.step(BodyStatistics), 0
    for size in sizes:
        step.run({"bodies": bodies.slice(at, at + size), **inputs})
        at += size
        save_state(step.state, tmp_path / "state")
        step = BodyStatistics.STREAMING.step(BodyStatistics)
        step.state = load_state(tmp_path / "state")
    step.finish(inputs)
    text, table, plot, share = (step.ends[slot] for slot in range(4))
    assert (text, table, share) == (expected[0], expected[1], expected[3])
    assert torch.equal(plot, expected[2])


def test_a_condition_that_is_none_ends_a_run_in_chunks_at_once(tmp_path: Path) -> None:
    make_video(tmp_path / "clip.mp4", 4, sound=False)
    write_bodies(moving(4), tmp_path / "b.safetensors", "safetensors", rig=mannequin(), fps=15)
    wrong = {"bodies": ["b", 0], "fps": 15.0, "condition": "Optimal", "custom": "backlit"}
    graph = graph_of(
        {
            **footage("clip.mp4"),
            "i": ("PreviewImage", {"images": ["f", 0]}),
            "b": ("KinographLoadBodies", {"file": "b.safetensors"}),
            "m": ("KinographBodyStatistics", wrong),
        }
    )
    settings = host.Settings(output=tmp_path / "out", inputs=(tmp_path,))
    with pytest.raises(GraphError, match=r"BodyStatistics.*Optimal takes no text; choose Custom"):
        run_graph(graph, settings, chunk=2)
