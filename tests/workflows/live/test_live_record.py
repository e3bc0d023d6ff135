"""Recordings of live runs."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from kinograph.engines.errors import InputError, MediaError
from kinograph.workflows.graph.load import load_graph
from kinograph.workflows.live.record import Recorder, Recordings
from kinograph.workflows.live.slot import Drawn
from kinograph.workflows.live.sources import FileSource, SourceOptions
from live_clips import FPS, PLAIN, Slow, live_graph, number_in, numbered, run


def test_a_recording_plays_as_long_as_it_was_live(numbers: Path, tmp_path: Path) -> None:
    graph = live_graph(PLAIN)
    graph.__class__ = Slow  # frames are dropped, and time is not
    path = tmp_path / "out.mp4"
    carried = {"prompt": json.dumps(PLAIN)}
    recordings = Recordings(FPS, lambda: carried, lambda text: None, path)
    summary, seen, _ = run(graph, FileSource(str(numbers), SourceOptions()), recordings=recordings)
    assert summary.recorded == (path,)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]  # nothing is left beside
    with av.open(str(path)) as container:
        assert float(container.duration / 1e6) == pytest.approx(60 / FPS, abs=0.35)
        frames = list(container.decode(video=0))
    assert [number_in(f.to_ndarray(format="rgb24")) for f in frames] == [
        number_in(drawn.pixels) for drawn in seen.all
    ]
    wanted = [drawn.captured - seen.all[0].captured for drawn in seen.all]
    assert [float(f.time) for f in frames] == pytest.approx(wanted, abs=0.001)
    assert load_graph(path).nodes["1"].class_type == "LoadVideo"
    (file,) = summary.as_dict()["files"]
    assert file["bytes"] == path.stat().st_size


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


def test_recordings_start_and_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kinograph_live_00001.mp4").touch()
    said: list[str] = []
    recordings = Recordings(FPS, dict, said.append)
    numbers = iter(range(100))

    def show(count: int, size: int = 64) -> None:
        for _ in range(count):
            number = next(numbers)
            pixels = np.full((size, size, 3), number, np.uint8)
            recordings.write(Drawn(pixels, number, number / FPS))

    show(2)
    assert recordings.now() == {"on": False, "file": None, "seconds": 0.0, "files": []}
    first = tmp_path / "kinograph_live_00002.mp4"
    assert recordings.start() == first == recordings.start()
    show(10)
    assert recordings.now() == {"on": True, "file": str(first), "seconds": 0.3, "files": []}
    assert not first.exists()  # it appears when it is complete
    recordings.stop()
    recordings.tend()
    assert recordings.files == [first]
    assert said == [f"recorded {first}"]
    assert recordings.start() == tmp_path / "kinograph_live_00003.mp4"
    show(3)
    show(4, size=32)  # the settings of the graph have changed
    recordings.start()
    recordings.close()
    assert [path.name for path in recordings.files] == [
        f"kinograph_live_{number:05}.mp4" for number in (2, 3, 4)
    ]
    counts = []
    for path in recordings.files:
        with av.open(str(path)) as container:
            counts.append(container.streams.video[0].frames)
    assert counts == [10, 3, 4]


def test_a_recording_that_cannot_be_written_does_not_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    said: list[str] = []
    recordings = Recordings(FPS, dict, said.append)
    monkeypatch.setattr(recordings, "_place", tmp_path / "file" / "out.mp4")
    recordings.start()
    recordings.write(Drawn(numbered(1), 1, 0.0))
    assert len(said) == 1
    assert said[0].startswith("the recording ends: ")
    assert "out_00001.mp4: cannot be written" in said[0]
    assert not recordings.now()["on"]
    recordings.write(Drawn(numbered(2), 2, 0.1))
    recordings.close()
    assert recordings.files == []
    required = Recordings(FPS, dict, said.append, tmp_path / "file" / "out.mp4")
    with pytest.raises(MediaError, match="cannot be written"):
        required.write(Drawn(numbered(1), 1, 0.0))
