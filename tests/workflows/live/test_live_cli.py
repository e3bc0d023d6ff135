"""`kinograph live` as users run it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av
import pytest

from kinograph.workflows.cli import main
from live_clips import PLAIN


def graph_file(folder: Path, graph: dict[str, Any] = PLAIN) -> str:
    path = folder / "graph.json"
    path.write_text(json.dumps(graph))
    return str(path)


def test_the_command_runs_to_the_end(
    numbers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["live", graph_file(tmp_path), "--source", str(numbers), "--json", "--fps", "60"]
    words += ["--record", str(tmp_path / "out.mp4"), "--size", "64x32", "--device", "cpu"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert report["showing"] == "node 2 (GetVideoComponents), output 0 (IMAGE)"
    assert (report["ok"], report["ended"], report["captured"]) == (True, "end of the source", 60)
    assert report["files"][0]["path"] == str(tmp_path / "out.mp4")
    assert re.search(r"^open http://127\.0\.0\.1:\d+/\?token=[\w-]{32}$", err, re.M)
    assert "not run live: node 3 (PreviewImage)" in err
    assert "warning" not in err
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (64, 32)


def test_a_page_for_other_machines_is_warned_of(
    numbers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    # The server stays on loopback: only the name is another.
    monkeypatch.setattr("kinograph.workflows.live.page.is_loopback", lambda host: False)
    words = ["live", graph_file(tmp_path), "--source", str(numbers), "--seconds", "0.3"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert "warning: --host 127.0.0.1: other machines can reach the page, unencrypted" in err
    assert "captured" in out
    assert re.search(r"^end +time$", out, re.M)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--source", "no.mp4"], "no.mp4: expected a video file, but it does not exist"),
        (["--source", "ftp://x"], "expected a camera's number, a file, a folder or a URL"),
        (["--source", "{numbers}", "--show", "1"], "has no such IMAGE or MASK output"),
        (["--source", "{numbers}", "--record", "out.avi"], "expected a name that ends in .mp4"),
        (["--source", "{numbers}", "--host", "nowhere.invalid"], "cannot be used"),
        (["--source", "{numbers}", "--send", "osc", "9000"], "send: expected one of json"),
        (["--source", "{numbers}", "--send", "json", "9998"], "no node gives bodies"),
        (["--source", "{numbers}", "--send-pickle"], "--send-pickle: is for --send remi only"),
    ],
)
def test_mistakes_end_with_status_2(
    numbers: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    words = [word.replace("{numbers}", str(numbers)) for word in words]
    assert main(["live", graph_file(tmp_path), *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--size", "0x4"],
        ["--size", "wide"],
        ["--fps", "0"],
        ["--fps", "nan"],
        ["--seconds", "-1"],
        ["--port", "65536"],
    ],
)
def test_values_that_are_none(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["live", "graph.json", "--source", "0", *words])
    assert "expected" in capsys.readouterr().err


def test_without_aiohttp(
    numbers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    words = ["live", graph_file(tmp_path), "--source", str(numbers), "--seconds", "0.2"]
    assert main(words) == 2
    assert "pip install 'kinograph[live]'" in capsys.readouterr().err
    assert main([*words, "--no-page"]) == 0


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_cleanly(numbers: Path, tmp_path: Path, number: int) -> None:
    words = ["live", graph_file(tmp_path), "--source", str(numbers), "--loop", "--json"]
    words += ["--record", "out.mp4"]
    with subprocess.Popen(
        [sys.executable, "-m", "kinograph.workflows.cli", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "fps in" in line:
                break
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert json.loads(out)["ended"] == "interrupted"
    assert json.loads(out)["ok"]
    assert "Traceback" not in err
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].frames == json.loads(out)["drawn"]


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_an_interrupt_does_not_wait_for_viewers(numbers: Path, tmp_path: Path) -> None:
    """Nor for those who take nothing, or have asked only the half of something."""
    words = ["live", graph_file(tmp_path), "--source", str(numbers), "--loop"]
    with subprocess.Popen(
        [sys.executable, "-m", "kinograph.workflows.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        url = ""
        for line in process.stderr:
            url = line.removeprefix("open ").strip() if line.startswith("open ") else url
            if "fps in" in line:
                break
        found = re.fullmatch(r"http://([\d.]+):(\d+)/\?(token=.*)", url)
        assert found
        viewers = []
        for path in ("/stream?", "/stream?", "/events?", "/st"):
            viewer = socket.create_connection((found[1], int(found[2])))
            viewer.sendall(f"GET {path}{found[3]}".encode())
            if path != "/st":
                viewer.sendall(b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            viewers.append(viewer)
        time.sleep(1)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        took = time.monotonic() - began
        for viewer in viewers:
            viewer.close()
    assert process.returncode == 130, err
    assert took < 2


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_an_interrupt_does_not_wait_for_a_source_that_does_not_respond(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # accepts, and says nothing
        words = ["live", graph_file(tmp_path), "--no-page"]
        words += ["--source", f"tcp://127.0.0.1:{server.getsockname()[1]}"]
        with subprocess.Popen(
            [sys.executable, "-m", "kinograph.workflows.cli", *words], stderr=subprocess.PIPE
        ) as process:
            line, _ = server.accept()
            time.sleep(0.3)
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
            took = time.monotonic() - began
            line.close()
    assert process.returncode == 130, err
    assert took < 2
    assert b"Traceback" not in err
