"""Which part of a video is read, and at which rate: the options of the command, and the node."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from kinograph.engines.video.read import read_video
from kinograph.engines.video.timing import ReadOptions
from kinograph.nodes.standin import host
from kinograph.nodes.video.load_frames import LoadVideoFrames
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


def with_node(name: str, **values: Any) -> dict[str, Any]:
    """The same by Load Video Frames."""
    values = {"fps": 0.0, "start": 0.0, "duration": 0.0, "every": 1} | values
    return {
        "1": node("KinographLoadVideoFrames", file=name, **values),
        "3": node("CreateVideo", images=["1", 0], audio=["1", 2], fps=["1", 3]),
        "4": node("SaveVideo", video=["3", 0], filename_prefix="out", format="auto", codec="auto"),
        "5": node("PreviewAny", source=["1", 4]),
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


def test_the_node_gives_frames_mask_sound_and_rate(clip_path: Path) -> None:
    with host.using(host.Settings(inputs=(clip_path.parent, DATA))):
        images, mask, audio, fps, frames = LoadVideoFrames.execute(
            clip_path.name, fps=5.0, start=0.2, duration=1.0, every=1
        ).args
        assert (images.shape, fps, frames) == ((5, 464, 832, 3), 5.0, 5)
        assert mask.shape == (5, 464, 832)
        assert not mask.any()
        assert audio is None
        images, mask, *_ = LoadVideoFrames.execute("alpha.webm", 0.0, 0.0, 0.0, 1).args
        assert mask[:, :, :150].max() < 0.01
        assert mask[:, :, 170:].min() > 0.99


def test_the_node_is_the_same_in_chunks(
    tmp_path: Path, clip_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = with_node(str(clip_path), start=0.4, every=2)
    whole = run(tmp_path, graph)
    assert "14 frames of 832x464 at 7.5 fps" in capsys.readouterr().out
    assert whole.read_bytes() == run(tmp_path, graph, "--chunk", "4").read_bytes()
    assert "14 frames of 832x464 at 7.5 fps" in capsys.readouterr().out
    same = run(tmp_path, remade(str(clip_path)), "--start", "0.4", "--every", "2")
    assert torch.equal(read_video(whole).frames, read_video(same).frames)
    asked = run(tmp_path, with_node(str(clip_path)), "--start", "0.4", "--every", "2")
    assert torch.equal(read_video(asked).frames, read_video(whole).frames)


def test_the_node_refuses_what_is_not_there_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "f_1.png").touch()
    with host.using(host.Settings(inputs=(tmp_path,))):
        assert LoadVideoFrames.validate_inputs() is True  # linked
        assert LoadVideoFrames.validate_inputs(file="f_%d.png") is True
        assert "file: is empty" in str(LoadVideoFrames.validate_inputs(file=" "))
        assert "'f_%03d.png'" in str(LoadVideoFrames.validate_inputs(file="f_%03d.png"))


def test_another_picture_of_a_pattern_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "f_1.png").touch()
    with host.using(host.Settings(inputs=(tmp_path,))):
        before = LoadVideoFrames.fingerprint_inputs(file="f_%d.png")
        os.utime(tmp_path / "f_1.png", (9e9, 9e9))
        assert LoadVideoFrames.fingerprint_inputs(file="f_%d.png") != before
    part = ReadOptions(every=2)
    with host.using(host.Settings(inputs=(tmp_path,), reading=part)):
        assert LoadVideoFrames.fingerprint_inputs(file="f_1.png").endswith("every 2 frames")


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
