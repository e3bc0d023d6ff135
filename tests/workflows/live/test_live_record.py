"""Recordings of live runs."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from kinograph.engines.errors import InputError, MediaError
from kinograph.workflows.graph.load import load_graph
from kinograph.workflows.live.record import Recorder
from kinograph.workflows.live.slot import Drawn
from kinograph.workflows.live.sources import FileSource, SourceOptions
from live_clips import FPS, PLAIN, Slow, live_graph, number_in, numbered, run


def test_a_recording_plays_as_long_as_it_was_live(numbers: Path, tmp_path: Path) -> None:
    graph = live_graph(PLAIN)
    graph.__class__ = Slow  # frames are dropped, and time is not
    recorder = Recorder(tmp_path / "out.mp4", FPS, {"prompt": json.dumps(PLAIN)})
    summary, seen, _ = run(graph, FileSource(str(numbers), SourceOptions()), recorder=recorder)
    assert summary.recorded == tmp_path / "out.mp4"
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]  # nothing is left beside
    with av.open(str(summary.recorded)) as container:
        assert float(container.duration / 1e6) == pytest.approx(60 / FPS, abs=0.35)
        frames = list(container.decode(video=0))
    assert [number_in(f.to_ndarray(format="rgb24")) for f in frames] == [
        number_in(drawn.pixels) for drawn in seen.all
    ]
    wanted = [drawn.captured - seen.all[0].captured for drawn in seen.all]
    assert [float(f.time) for f in frames] == pytest.approx(wanted, abs=0.001)
    assert load_graph(summary.recorded).nodes["1"].class_type == "LoadVideo"
    (file,) = summary.as_dict()["files"]
    assert file["bytes"] == summary.recorded.stat().st_size


def test_recordings_of_odd_sides_lack_a_line(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mp4", 30, {})
    for number in range(3):
        recorder.write(Drawn(np.zeros((33, 65, 3), np.uint8), number, number / 30))
    assert recorder.is_cropped
    with pytest.raises(MediaError, match="changes from 64x32 to 64x64; fix it with --size"):
        recorder.write(Drawn(np.zeros((64, 64, 3), np.uint8), 4, 1.0))
    recorder.close()
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].frames == 3


def test_recordings_without_pictures_and_bad_names(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "none.mp4", 30, {})
    recorder.close()
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match=r"ends in \.mp4"):
        Recorder(tmp_path / "out.avi", 30, {})
    (tmp_path / "there.mp4").touch()
    with pytest.raises(InputError, match="exists already"):
        Recorder(tmp_path / "there.mp4", 30, {})
    (tmp_path / "file").touch()
    recorder = Recorder(tmp_path / "file" / "out.mp4", 30, {})
    with pytest.raises(MediaError, match="cannot be written"):
        recorder.write(Drawn(numbered(1), 1, 0.0))
    recorder.close()
