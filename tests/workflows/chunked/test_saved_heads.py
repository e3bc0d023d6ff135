"""Save Heads in chunks: the files of the run in one piece, also interrupted and taken up again."""

import json
from pathlib import Path

import pytest

from chunked_clips import contents, footage, graph_of, make_inputs
from kinograph.engines.errors import GraphError, InputError
from kinograph.engines.head.files import FORMATS, write_heads
from kinograph.engines.head.heads import Heads
from kinograph.nodes.standin import host
from kinograph.nodes.streaming import Sink
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.catalogue import catalogue
from posed_heads import turning_heads

HEADS = turning_heads(9)
CHUNKS = [HEADS.slice(0, 2), HEADS.slice(2, 3), HEADS.slice(3, 9)]


def sink(folder: Path, form: str) -> Sink:
    rule = catalogue().rule("KinographSaveHeads")
    assert rule is not None
    assert rule.saves is not None
    path = folder / f"heads{rule.saves.suffix_of(form)}"
    made = rule.saves.sink(path, form, {})
    made.parts.mkdir(exist_ok=True)
    return made


def write(into: Sink, heads: Heads) -> None:
    into.write({"heads": heads, "fps": 12.5})


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kept", range(len(CHUNKS) + 1))
def test_what_was_written_after_the_mark_is_written_again(
    form: str, kept: int, tmp_path: Path
) -> None:
    write_heads(HEADS, tmp_path / "whole", form, fps=12.5)
    killed = sink(tmp_path, form)
    for chunk in CHUNKS[:kept]:
        write(killed, chunk)
    mark = json.loads(json.dumps(killed.mark()))
    for chunk in CHUNKS[kept:]:
        write(killed, chunk)
    killed.close()
    resumed = sink(tmp_path, form)
    resumed.resume(mark)
    assert resumed.frame_count == sum(map(len, CHUNKS[:kept]))
    for chunk in CHUNKS[kept:]:
        write(resumed, chunk)
    for _ in range(2):  # again after an interruption
        (path,) = resumed.finish()
        assert path.read_bytes() == (tmp_path / "whole").read_bytes()
    resumed.close()


@pytest.mark.parametrize("form", FORMATS)
def test_chunks_without_frames(form: str, tmp_path: Path) -> None:
    write_heads(HEADS, tmp_path / "whole", form, fps=12.5)
    into = sink(tmp_path, form)
    with pytest.raises(InputError, match="there is nothing to save"):
        into.finish()
    for chunk in (HEADS.slice(0, 0), HEADS, HEADS.slice(0, 0)):
        write(into, chunk)
    assert into.finish()[0].read_bytes() == (tmp_path / "whole").read_bytes()
    into.close()


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    started = sink(tmp_path, "json")
    write(started, CHUNKS[0])
    mark = started.mark()
    started.close()
    (part,) = started.parts.iterdir()
    data = bytearray(part.read_bytes())
    data[-1] ^= 1
    part.write_bytes(data)
    resumed = sink(tmp_path, "json")
    with pytest.raises(GraphError, match=r"is damaged.*--restart"):
        resumed.resume(mark)
    resumed.close()


def test_a_graph_that_saves_every_format(tmp_path: Path) -> None:
    """Also with Head Statistics, and with the frame rate of the video."""
    folder = make_inputs(tmp_path, 23)
    saved = {
        form: (
            "KinographSaveHeads",
            {
                "heads": ["h", 0],
                "form": form,
                "filename_prefix": f"heads/{form}",
                **({} if form == "safetensors" else {"fps": ["f", 2]}),
            },
        )
        for form in FORMATS
    }
    graph = graph_of(
        {
            **footage("clip.mp4"),
            "h": ("KinographLoadHeads", {"file": "heads.safetensors"}),
            "t": ("KinographHeadStatistics", {"heads": ["h", 0]}),
            **saved,
        }
    )
    for chunk in (0, 1, 7):
        settings = host.Settings(output=tmp_path / f"out{chunk}", inputs=(folder,))
        report = run_graph(graph, settings, chunk=chunk)
        assert report.ok, report.errors
        if chunk:
            assert contents(tmp_path / f"out{chunk}") == contents(tmp_path / "out0")
    found = contents(tmp_path / "out0")
    assert sorted(found) == [
        "heads/csv_00001_.csv",
        "heads/json_00001_.json",
        "heads/safetensors_00001_.safetensors",
    ]
    table = found["heads/csv_00001_.csv"].decode().splitlines()
    assert len(table) == 1 + 2 * 23 - 1
    assert table[1].startswith("0,0.000000,0,1,0.9500,-50.000,")
    assert table[-1].startswith(f"22,{22 / 15:.6f},1,2,")
