"""Which part of a video is read, and at which rate: the options of the command."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kinograph.engines.video.read import read_video
from kinograph.engines.video.timing import ReadOptions
from kinograph.workflows.cli import main

DATA = Path(__file__).parents[2] / "data" / "video"


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def remade(name: str) -> dict[str, Any]:
    """A graph that takes a video apart and puts it together."""
    return {
        "1": node("LoadVideo", file=name),
        "2": node("GetVideoComponents", video=["1", 0]),
        "3": node("CreateVideo", images=["2", 0], audio=["2", 1], fps=["2", 2]),
        "4": node("SaveVideo", video=["3", 0], filename_prefix="out", format="auto", codec="auto"),
    }


def run(folder: Path, graph: dict[str, Any], *options: str) -> Path:
    """Run a graph; the video that it saves."""
    path = folder / "graph.json"
    path.write_text(json.dumps(graph))
    out = folder / f"out{len(list(folder.glob('out*')))}"
    assert main(["run", str(path), "--output-dir", str(out), *options]) == 0
    (saved,) = out.glob("*.mp4")
    return saved


def test_a_part_is_read_whole_and_in_chunks_alike(tmp_path: Path, clip_path: Path) -> None:
    options = ("--start", "0.4", "--duration", "1", "--every", "2")
    whole = run(tmp_path, remade(str(clip_path)), *options)
    chunked = run(tmp_path, remade(str(clip_path)), *options, "--chunk", "3")
    assert whole.read_bytes() == chunked.read_bytes()
    clip = read_video(whole)
    assert (len(clip.frames), float(clip.rate)) == (8, 7.5)
    wanted = read_video(clip_path).frames[6:21:2]
    assert float((clip.frames - wanted).abs().mean()) < 0.02


def test_a_rotated_file_comes_upright_through_a_graph(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = run(tmp_path, remade(str(DATA / "rotated_90.mp4")))
    assert read_video(saved).size == (464, 832)
    out = capsys.readouterr().out
    assert "8 frames of 832x464 at 15 fps" in out
    assert "rotated by 90° counterclockwise" in out


def test_alpha_that_nobody_takes_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for options in ((), ("--chunk", "4")):
        run(tmp_path, remade(str(DATA / "alpha.webm")), *options)
        assert "alpha.webm: its alpha channel is left out" in capsys.readouterr().err


def test_pictures_in_a_folder_are_a_clip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for n in range(5):
        Image.fromarray(np.full((48, 64, 3), 40 * n, np.uint8)).save(folder / f"f_{n:03}.png")
    for name in (str(folder), str(folder / "f_%03d.png")):
        saved = run(tmp_path, remade(name), "--fps", "8")
        clip = read_video(saved)
        assert (len(clip.frames), clip.rate) == (5, 8)
    assert "no frame rate" not in capsys.readouterr().out
    run(tmp_path, remade(str(folder)))
    assert "read at 16 fps" in capsys.readouterr().out


def test_a_server_reads_whole_videos(
    tmp_path: Path, clip_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(remade(str(clip_path))))
    command = ["run", str(path), "--server", "http://127.0.0.1:1", "--start", "1"]
    assert main(command) == 2
    assert "ComfyUI reads whole videos" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--start", "-1", "expected seconds, at least 0, found -1"),
        ("--start", "x", "expected seconds, at least 0, found x"),
        ("--duration", "0", "expected a number above 0, found 0"),
        ("--every", "0", "expected an integer of at least 1, found 0"),
        ("--fps", "nan", "expected a number above 0, found nan"),
    ],
)
def test_options_out_of_range(
    option: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["demo", f"{option}={value}"])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_what_is_read_in_words() -> None:
    assert str(ReadOptions()) == ""
    assert str(ReadOptions(1.5, 2, 3)) == "from 1.5 s, for 2 s, every 3 frames"
