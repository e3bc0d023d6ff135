"""Batches on one machine: what is made, skipped, made again, and what a kill leaves."""

import contextlib
import errno
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from batch_checks import COPY, PICTURE, entries, files_of, footage, listed, picture, verified
from kinograph.workflows.batch.attempt import AttemptResult, attempt
from kinograph.workflows.batch.manifest import Header, Item, Manifest
from kinograph.workflows.batch.pending import find_pending
from kinograph.workflows.batch.queue import _left_over as left_over
from kinograph.workflows.batch.standing import Course, as_time
from kinograph.workflows.cli import main

pytestmark = pytest.mark.long

Run = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> Run:
    """Run `kinograph batch` without pauses; gives the status, its JSON and what it said."""
    monkeypatch.setattr("kinograph.workflows.batch.queue._MAX_PAUSE", 0.0)

    def call(graph: dict[str, Any], *arguments: object) -> tuple[int, dict[str, Any], str]:
        path = tmp_path / "graph.json"
        path.write_text(json.dumps(graph))
        words = ["batch", str(path), *map(str, arguments), "--output-dir", str(tmp_path / "out")]
        status = main([*words, "--json"])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, json.loads(out) if out else {}, err

    return call


def test_a_broken_input_does_not_stop_the_others(run: Run, tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    footage(videos / "a.mp4")
    (videos / "b.mp4").write_text("no video")
    footage(videos / "c.mp4", frames=5)
    status, summary, err = run(COPY, videos)
    out = tmp_path / "out"
    assert status == 2
    counts = [summary[name] for name in ("inputs", "done", "skipped", "failed", "frames")]
    assert counts == [3, 2, 0, 1, 8]
    assert "b.mp4: FAILED after 1 attempt: node 1 (LoadVideo)" in err
    assert verified(out) == 8
    assert sorted(p.name for p in out.iterdir() if not p.name.startswith(".batch")) == [
        *("a", "c", "manifest.json")
    ]
    found = entries(out)
    assert [e["status"] for e in found.values()] == ["done", "failed", "done"]
    assert [e["attempts"] for e in found.values()] == [1, 1, 1]  # a user's errors once
    assert "is not a video that FFmpeg can read" in found["b.mp4"]["error"]
    assert list(summary["errors"]) == [str(videos / "b.mp4")]
    source = videos / "c.mp4"
    entry = found["c.mp4"]
    assert entry["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert (entry["size"], entry["frames"]) == (source.stat().st_size, 5)
    assert entry["worker"]["pid"] == os.getpid()
    assert entry["outputs"][0]["path"] == "c/frames/f_00001_.png"


def test_the_same_command_again_does_only_what_is_left(run: Run, tmp_path: Path) -> None:
    good = picture(tmp_path / "in" / "good.png")
    bad = tmp_path / "in" / "bad.png"
    bad.write_text("no picture")
    run(PICTURE, good, bad)
    out = tmp_path / "out"
    before = files_of(out)
    status, summary, _ = run(PICTURE, good, bad)
    assert (status, summary["skipped"], summary["failed"], summary["done"]) == (2, 1, 1, 0)
    assert files_of(out) == before
    assert entries(out)["bad.png"]["attempts"] == 1  # not tried again
    picture(bad, (1, 2, 3))
    status, summary, err = run(PICTURE, good, bad)
    assert (status, summary["skipped"], summary["done"]) == (0, 1, 1)
    assert "bad.png: processed again: the input has changed" in err
    assert verified(out) == 2


def test_what_may_pass_is_tried_again(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, and not what the user has to change."""
    from kinograph.engines.errors import MediaError
    from kinograph.workflows.core.save_image import SaveImage

    def full(cls: Any, **values: Any) -> None:
        raise MediaError("no room") from OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SaveImage, "execute", classmethod(full))
    assert run(PICTURE, picture(tmp_path / "a.png"))[1]["failed"] == 1
    assert entries(tmp_path / "out")["a.png"]["attempts"] == 3


def test_folders_and_patterns_of_pictures_are_clips(run: Run, tmp_path: Path) -> None:
    footage(tmp_path / "in" / "a.mp4")
    for folder, count in (("walk", 3), ("run", 5)):
        for number in range(count):
            picture(tmp_path / "in" / folder / f"f_{number:03d}.png")
    (tmp_path / "in" / "empty").mkdir()
    pattern = tmp_path / "in" / "run" / "f_%03d.png"
    status, summary, _ = run(COPY, tmp_path / "in", pattern, "--recursive")
    assert (status, summary["done"], summary["frames"]) == (0, 4, 3 + 3 + 5 + 5)
    assert set(entries(tmp_path / "out")) == {"a.mp4", "walk", "run", "f_%03d.png"}
    status, summary, _ = run(COPY, tmp_path / "in", pattern, "--recursive")
    assert (status, summary["done"], summary["skipped"]) == (0, 0, 4)
    picture(tmp_path / "in" / "walk" / "f_003.png")  # the clip has changed
    status, summary, err = run(COPY, tmp_path / "in", pattern, "--recursive")
    assert (status, summary["done"], summary["skipped"]) == (0, 1, 3)
    assert "the input has changed" in err
    (tmp_path / "in" / "run" / "f_002.png").unlink()
    status, summary, err = run(COPY, pattern)
    assert (status, summary["failed"]) == (2, 1)
    assert "FAILED after 2 attempts" in err  # one of them when it was whole
    assert "f_002.png is missing between 0 and 4" in err


def test_retry_failed_and_more_inputs_later(run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    assert run(PICTURE, bad, "--retries", 0)[0] == 2
    assert entries(tmp_path / "out")["bad.png"]["attempts"] == 1
    status, _, err = run(PICTURE, bad, picture(tmp_path / "new.png"), "--retry-failed")
    assert "bad.png: processed again: it failed" in err
    assert status == 2
    found = entries(tmp_path / "out")
    assert (found["bad.png"]["attempts"], found["new.png"]["status"]) == (2, "done")
    # Entries of inputs that are not given this time stay.
    assert run(PICTURE, tmp_path / "new.png")[0] == 0
    assert set(entries(tmp_path / "out")) == {"bad.png", "new.png"}


def test_same_stems_get_folders_of_their_own(run: Run, tmp_path: Path) -> None:
    paths = [
        picture(tmp_path / "y" / "a.png", (0, 0, 200)),
        picture(tmp_path / "x" / "a.png", (200, 0, 0)),
        picture(tmp_path / "x" / "A.webp", (0, 200, 0)),
    ]
    assert run(PICTURE, *paths)[0] == 0
    out = tmp_path / "out"
    x, y = tmp_path / "x", tmp_path / "y"
    wanted = {str(x / "A.webp"): "A", str(x / "a.png"): "a-2", str(y / "a.png"): "a-3"}
    assert {e["path"]: e["folder"] for e in listed(out)} == wanted
    assert verified(out) == 3
    with Image.open(out / "a-3" / "small_00001_.png") as made:
        assert made.getpixel((0, 0)) == (0, 0, 200)
    # Another order, one more: names that were given stay.
    more = picture(tmp_path / "w" / "a.png")
    assert run(PICTURE, more, *reversed(paths))[0] == 0
    assert {e["path"]: e["folder"] for e in listed(out)} == {**wanted, str(more): "a-4"}


def test_damaged_and_missing_outputs_are_made_again(run: Run, tmp_path: Path) -> None:
    paths = [picture(tmp_path / f"{n}.png", (i, i, i)) for i, n in enumerate("abc")]
    run(PICTURE, *paths)
    out = tmp_path / "out"
    before = {name: data for name, (_, data) in files_of(out).items()}
    damaged = out / "a" / "small_00001_.png"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")  # of the same size
    (out / "b" / "small_00001_.png").unlink()
    (out / "b" / "notes.txt").write_text("the user's own")
    status, summary, err = run(PICTURE, *paths)
    assert (status, summary["done"], summary["skipped"]) == (0, 2, 1)
    assert "a.png: processed again: a/small_00001_.png has changed" in err
    assert "b.png: processed again: b/small_00001_.png is missing" in err
    assert (out / "b" / "notes.txt").read_text() == "the user's own"
    assert run(PICTURE, *paths, "--restart")[1]["done"] == 3
    assert (out / "b" / "notes.txt").read_text() == "the user's own"
    (out / "b" / "notes.txt").unlink()
    assert {name: data for name, (_, data) in files_of(out).items()} == before


def test_a_changed_input_is_made_again_and_a_touched_one_is_not(run: Run, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    run(PICTURE, path)
    os.utime(path, ns=(1, 1))
    assert run(PICTURE, path)[1]["skipped"] == 1
    assert entries(tmp_path / "out")["a.png"]["mtime_ns"] == 1  # so it is not read next time
    picture(path, (200, 100, 0))
    assert run(PICTURE, path)[1]["done"] == 1
    with Image.open(tmp_path / "out" / "a" / "small_00001_.png") as made:
        assert made.getpixel((0, 0)) == (200, 100, 0)
    assert verified(tmp_path / "out") == 1


def test_other_values_are_made_again_and_another_graph_is_refused(run: Run, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    run(PICTURE, path)
    status, summary, err = run(PICTURE, path, "--set", "2.width=6")
    assert (status, summary["done"]) == (0, 1)
    assert "values of the graph differ" in err
    with Image.open(tmp_path / "out" / "a" / "small_00001_.png") as made:
        assert made.size == (6, 4)
    # The file that the graph happens to name, titles and places are no other graph.
    renamed = json.loads(json.dumps(PICTURE).replace("any.png", "b.png"))
    renamed["1"]["_meta"] = {"title": "Mine"}
    assert run(renamed, path, "--set", "2.width=6")[1]["skipped"] == 1
    other = json.loads(json.dumps(PICTURE).replace("area", "bicubic"))
    before = files_of(tmp_path / "out")
    status, _, err = run(other, path)
    assert status == 2
    assert "holds the results of another graph" in err
    assert "--restart" in err
    assert files_of(tmp_path / "out") == before
    assert run(other, picture(tmp_path / "b.png"), "--restart")[0] == 0
    assert list(entries(tmp_path / "out")) == ["b.png"]
    assert verified(tmp_path / "out") == 1


def test_a_folder_that_is_not_of_the_batch_is_left_alone(run: Run, tmp_path: Path) -> None:
    mine = tmp_path / "out" / "a" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("keep")
    status, _, err = run(PICTURE, picture(tmp_path / "a.png"))
    assert status == 2
    assert "out/a: exists already, but" in err
    assert mine.read_text() == "keep"


def test_restart_removes_nothing_for_a_graph_that_cannot_run(run: Run, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    run(PICTURE, path)
    before = files_of(tmp_path / "out")
    wrong = json.loads(json.dumps(PICTURE).replace("area", "wrong"))
    assert run(wrong, path, "--restart")[0] == 2
    assert files_of(tmp_path / "out") == before
    assert run(PICTURE, path)[1]["skipped"] == 1


def test_links_are_not_followed_where_outputs_are_removed(run: Run, tmp_path: Path) -> None:
    """A folder of a stranger may have a link where its manifest names outputs."""
    path = picture(tmp_path / "a.png")
    run(PICTURE, path)
    out = tmp_path / "out"
    mine = tmp_path / "mine"
    (out / "a").rename(mine)
    (out / "a").symlink_to(mine)
    for more in ([], ["--restart"], ["--set", "2.width=6"]):
        status, _, err = run(PICTURE, path, *more)
        assert status == 2
        assert "out/a: is a symbolic link, and outputs are replaced" in err
    assert (mine / "small_00001_.png").exists()
    # One of the user's that leads from an output's folder to an empty one is no folder of ours.
    (out / "a").unlink()
    mine.rename(out / "a")
    (tmp_path / "empty").mkdir()
    (out / "a" / "link").symlink_to(tmp_path / "empty")
    assert run(PICTURE, path, "--restart")[0] == 0
    assert (out / "a" / "link").is_symlink()
    assert (tmp_path / "empty").is_dir()


def test_an_attempt_never_begins_in_what_another_left(run: Run, tmp_path: Path) -> None:
    """Whatever lies in its folder would become its output."""
    aside = tmp_path / "mine"
    aside.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".a.attempt-1").symlink_to(aside)
    status, _, err = run(PICTURE, picture(tmp_path / "a.png"))
    assert status == 2
    assert ".a.attempt-1: cannot be written (File exists)" in err
    assert list(aside.iterdir()) == []


def test_names_that_a_folder_cannot_have(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The longest that a file may have, of letters of several bytes, and one that is no text."""
    paths = [
        picture(tmp_path / f"{'x' * 251}.png"),
        picture(tmp_path / f"{'é' * 125}.png"),
        picture(tmp_path / os.fsdecode(b"\xff.png")),
    ]
    status, _, err = run(PICTURE, *paths)
    assert status == 0, err
    assert verified(tmp_path / "out") == 3
    paths[2].write_text("no picture")
    assert run(PICTURE, *paths, "--retries", 0)[1]["failed"] == 1
    words = ["batch", str(tmp_path / "graph.json"), str(paths[2])]
    assert main([*words, "--output-dir", str(tmp_path / "out")]) == 2
    assert "failed: " + str(tmp_path / r"\udcff.png") in capsys.readouterr().out


def test_a_full_disk_loses_nothing(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    """Half a line may stand in the journal then."""
    paths = [picture(tmp_path / f"{name}.png") for name in "abc"]
    real = os.fsync
    calls = []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 5:
            os.truncate(descriptor, os.fstat(descriptor).st_size - 20)
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    status, _, err = run(PICTURE, *paths)
    assert status == 2
    assert "No space left on device" in err
    monkeypatch.setattr(os, "fsync", real)
    status, summary, _ = run(PICTURE, *paths)
    assert (status, summary["done"] + summary["skipped"]) == (0, 3)
    assert verified(tmp_path / "out") == 3


def test_a_file_without_a_time_is_seen_to_change(run: Run, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    os.utime(path, ns=(0, 0))
    run(PICTURE, path)
    picture(path, (200, 100, 0))
    os.utime(path, ns=(0, 0))
    path.write_bytes(path.read_bytes() + b"more")
    os.utime(path, ns=(0, 0))
    assert run(PICTURE, path)[1]["done"] == 1
    path.unlink()  # what was made of it stays
    assert run(PICTURE, path)[1]["skipped"] == 1


def test_fail_fast(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    status, summary, _ = run(
        PICTURE, tmp_path / "a.png", picture(tmp_path / "b.png"), "--fail-fast", "--retries", 0
    )
    assert (status, summary["failed"], summary["pending"], summary["done"]) == (2, 1, 1, 0)


def test_a_missing_input_fails_alone(run: Run, tmp_path: Path) -> None:
    status, summary, _ = run(PICTURE, tmp_path / "no.png", picture(tmp_path / "b.png"))
    assert (status, summary["failed"], summary["done"]) == (2, 1, 1)
    error = summary["errors"][str(tmp_path / "no.png")]
    assert error.endswith("no.png: cannot be read (No such file or directory)")


def test_a_graph_that_cannot_run_fails_before_anything(run: Run, tmp_path: Path) -> None:
    graph = json.loads(json.dumps(PICTURE).replace("area", "wrong"))
    status, _, err = run(graph, picture(tmp_path / "a.png"))
    assert status == 2
    assert "expected one of" in err
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_defect_in_a_node_is_the_inputs_alone(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    from kinograph.workflows.core.image_scale import ImageScale

    real = ImageScale.execute.__func__

    def breaks(cls: Any, image: Any, **inputs: Any) -> Any:
        if float(image.max()) > 0.9:
            raise RuntimeError("out of luck")
        return real(cls, image=image, **inputs)

    monkeypatch.setattr(ImageScale, "execute", classmethod(breaks))
    status, summary, _ = run(
        PICTURE, picture(tmp_path / "a.png", (255, 0, 0)), picture(tmp_path / "b.png")
    )
    assert (status, summary["done"], summary["failed"]) == (2, 1, 1)
    error = summary["errors"][str(tmp_path / "a.png")]
    assert error.startswith("internal error: RuntimeError: out of luck (test_batch.py:")
    assert [p.name for p in (tmp_path / "out").glob(".*attempt*")] == []


def test_engines_stay_and_frames_do_not(tmp_path: Path) -> None:
    import torch

    from kinograph.engines.video.clip import Clip
    from kinograph.workflows.batch.cache import WarmCache
    from kinograph.workflows.execution.caching import NodeResult

    cache = WarmCache()
    frames = torch.zeros(8, 512, 512, 3)
    cache.put("frames", NodeResult(([frames],), {}))
    cache.put("clip", NodeResult(([Clip(frames, 1, None)],), {}))
    cache.put("engine", NodeResult(([torch.nn.Linear(4096, 4096)],), {}))
    cache.put("few", NodeResult(([frames[:1, :8]], ["text"]), {}))
    assert [key for key in ("frames", "clip", "engine", "few") if cache.get(key)] == [
        *("engine", "few")
    ]


def test_a_batch_killed_anywhere_goes_on(tmp_path: Path) -> None:
    """SIGKILL before each step that changes the disk: what was done stays, nothing is half or
    twice."""
    script = Path(__file__).parents[2] / "support" / "killed_batches.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    whole, by_chunks = map(int, done.stdout.split())
    assert whole > 20
    assert by_chunks > 5


def test_ctrl_c_finishes_the_manifest(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    from kinograph.workflows.batch import run_batch as module

    real = module.attempt

    def stopped(job: Any, path: Path, *rest: Any) -> Any:
        if path.name == "b.png":
            raise KeyboardInterrupt
        return real(job, path, *rest)

    monkeypatch.setattr(module, "attempt", stopped)
    paths = [picture(tmp_path / f"{name}.png") for name in "abc"]
    status, summary, err = run(PICTURE, *paths)
    assert status == 130
    assert (summary["done"], summary["pending"], summary["interrupted"]) == (1, 2, True)
    assert "run the same command again to continue" in err
    assert verified(tmp_path / "out") == 1
    assert list((tmp_path / "out").glob(".*attempt*")) == []
    monkeypatch.undo()
    monkeypatch.setattr("kinograph.workflows.batch.queue._MAX_PAUSE", 0.0)
    _, summary, err = run(PICTURE, *paths)
    assert summary["done"] == 2
    # It counts on, and what was stopped was no attempt.
    assert re.findall(r"\[\d/3\] \w", err) == ["[2/3] b", "[3/3] c"]
    assert [e["attempts"] for e in entries(tmp_path / "out").values()] == [1, 1, 1]


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_attempt_that_fails_because_it_was_stopped_is_no_attempt(
    run: Run, tmp_path: Path, monkeypatch: Any, number: int
) -> None:
    """A signal reaches programs that a node runs, too, which fail for it."""
    from kinograph.workflows.batch import run_batch as module

    def swallowed(*_: Any) -> AttemptResult:
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), number)
            time.sleep(5)
        return AttemptResult("the program was killed")

    monkeypatch.setattr(module, "attempt", swallowed)
    path = picture(tmp_path / "a.png")
    before = signal.getsignal(number)
    status, summary, err = run(PICTURE, path, "--retries", 0)
    assert (status, summary["pending"], summary["failed"]) == (128 + number, 1, 0)
    assert "FAILED" not in err
    entry = entries(tmp_path / "out")["a.png"]
    assert (entry["status"], entry["attempts"], entry["error"]) == ("pending", 0, "")
    assert signal.getsignal(number) == before
    monkeypatch.undo()
    assert run(PICTURE, path, "--retries", 0)[0] == 0


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_sigterm_keeps_the_summary(tmp_path: Path) -> None:
    footage(tmp_path / "in" / "a.mp4", 2)
    footage(tmp_path / "in" / "long.mp4", 3000)
    graph = tmp_path / "graph.json"
    graph.write_text(json.dumps(COPY))
    words = [sys.executable, "-m", "kinograph.workflows.cli", "batch", str(graph)]
    words += [str(tmp_path / "in"), "--output-dir", str(tmp_path / "out"), "--json"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert first.startswith("kinograph: [1/2] a.mp4: done in"), first
        assert re.search(r"; about \d+ (s|min) left$", first)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 143
    summary = json.loads(out)
    assert (summary["done"], summary["pending"], summary["signal"]) == (1, 1, 15)
    assert err == "kinograph: stopped; run the same command again to continue\n"


def test_progress_within_an_input(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    from kinograph.workflows.cli.commands import batch as command

    monkeypatch.setattr(command, "_EVERY", 0.0)
    footage(tmp_path / "a.mp4", 12)
    footage(tmp_path / "b.mp4", 4)
    _, _, err = run(COPY, tmp_path / "a.mp4", tmp_path / "b.mp4", "--chunk", 4)
    lines = [line for line in err.splitlines() if "frames" in line and "files" not in line]
    assert [re.sub(r"\d+ s left", "N s left", line) for line in lines] == [
        "kinograph: [1/2] a.mp4: frames: 4 of 12 frames, about N s left of it",
        "kinograph: [1/2] a.mp4: frames: 8 of 12 frames, about N s left of it",
    ]


def test_the_time_that_is_left() -> None:
    now = 0.0
    course = Course({"a": 10**6, "b": 3 * 10**6, "c": 0}, total=5, clock=lambda: now)
    assert (str(course.now), course.now.words) == ("[2/5]", "")
    now = 10.0
    course.end("a")
    assert course.now.left == pytest.approx(29.0, abs=0.5)
    assert str(course.now) == "[3/5]"
    assert course.now.words == "about 29 s left"
    course.end("a")
    course.end("b")
    course.end("c")
    assert (str(course.now), course.now.words) == ("[5/5]", "")
    words = [as_time(s) for s in (0.2, 89, 91, 3600, 5369, 5401, 12000, 7200)]
    assert words == ["1 s", "89 s", "2 min", "60 min", "89 min", "1 h 30 min", "3 h 20 min", "2 h"]


@pytest.mark.parametrize("end", ["stopped", "changed", "failed", "other values"])
def test_by_chunks_only_what_was_cut_short_goes_on(
    run: Run, tmp_path: Path, monkeypatch: Any, end: str
) -> None:
    """What an attempt left is there for the next one, unless it may not fit."""
    from kinograph.workflows.batch import run_batch as module

    found: list[list[str]] = []

    def attempted(job: Any, path: Path, folder: Path, *rest: Any) -> AttemptResult:
        found.append(sorted(p.name for p in folder.iterdir()))
        (folder / "f.mp4.parts").mkdir(exist_ok=True)
        (folder / "f.mp4.parts" / "journal.json").write_text("x")
        if len(found) == 1 and end == "failed":
            return AttemptResult("went wrong")
        if len(found) == 1:
            raise KeyboardInterrupt
        return AttemptResult()

    monkeypatch.setattr(module, "attempt", attempted)
    path = picture(tmp_path / "a.png")
    run(PICTURE, path, "--chunk", 4)
    if end == "changed":
        picture(path, (9, 9, 9))
        os.utime(path, ns=(1, 1))
    values = ["--set", "2.width=6"] if end == "other values" else []
    if end != "failed":
        run(PICTURE, path, "--chunk", 4, *values)
    assert found == [[], ["f.mp4.parts"] if end == "stopped" else []]
    assert list((tmp_path / "out").glob(".*attempt*")) == []


def test_by_chunks_is_the_same(run: Run, tmp_path: Path) -> None:
    path = footage(tmp_path / "a.mp4", frames=5)
    run(COPY, path)
    whole = {name: data for name, (_, data) in files_of(tmp_path / "out").items()}
    status, summary, _ = run(COPY, path, "--chunk", 2, "--restart")
    assert (status, summary["done"], summary["frames"]) == (0, 1, 5)
    assert {name: data for name, (_, data) in files_of(tmp_path / "out").items()} == whole
    assert verified(tmp_path / "out") == 5


def test_two_batches_do_not_share_a_folder(run: Run, tmp_path: Path) -> None:
    import filelock

    (tmp_path / "out").mkdir()
    with filelock.FileLock(tmp_path / "out" / ".batch.lock"):
        status, _, err = run(PICTURE, picture(tmp_path / "a.png"))
    assert status == 2
    assert "another kinograph batch is running in this folder" in err


def test_the_summary_for_people(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "graph.json").write_text(json.dumps(PICTURE))
    picture(tmp_path / "in" / "a.png")
    picture(tmp_path / "in" / "b.png")
    assert main(["batch", "graph.json", "in", "--output-dir", "out"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split() == [
        *("inputs", "done", "skipped", "failed", "seconds", "frames/s")
    ]
    assert out.splitlines()[2].split()[:4] == ["2", "2", "0", "0"]
    assert "slowest: " in out
    assert str(tmp_path / "out" / "manifest.json") in out
    assert "[2/2] b.png: done in" in err


def test_a_killed_input_comes_last(tmp_path: Path) -> None:
    """What may have ended the process does not stand before the others for ever."""
    items = [Item("/a.mp4", "a", attempts=1), Item("/b.mp4", "b"), Item("/c.mp4", "c")]
    manifest = Manifest(tmp_path, Header("g.json", "ab", "1.file"), items)
    found, _ = find_pending(manifest, list(manifest.items), "")
    assert found == ["/b.mp4", "/c.mp4", "/a.mp4"]


@pytest.mark.skipif(os.name != "posix", reason="names with a newline")
def test_only_what_the_graph_saved_is_published(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leftovers of a killed attempt, and of one of an input with a newline in its name, go."""
    path = footage(tmp_path / "in" / "a\nb.mp4")
    out = tmp_path / "out"

    def littered(*arguments: Any, **more: Any) -> AttemptResult:
        folder = arguments[2]
        (folder / "frames").mkdir(parents=True)
        (folder / ".kinograph-12345678.mp4").write_bytes(b"half")
        (folder / "frames" / "stray.png").write_bytes(b"stray")
        (folder / "deep" / "er").mkdir(parents=True)
        return attempt(*arguments, **more)

    monkeypatch.setattr("kinograph.workflows.batch.run_batch.attempt", littered)
    name = "a\nb"
    for number in (7, 8):
        (out / f".{name}.attempt-{number}").mkdir(parents=True)
        (out / f".{name}.attempt-{number}" / "half").touch()
    manifest = Manifest(out, Header("", "", ""), [Item(str(path), name)])
    assert list(left_over(manifest)) == [name]
    status, _, err = run(COPY, path, "--chunk", "2")
    assert status == 0, err
    made = entries(out)["a\nb.mp4"]["outputs"]
    assert len(made) == 3
    assert verified(out) == 3
    assert not (out / name / "deep").exists()
