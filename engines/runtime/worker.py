"""Long work in a separate process, which can be ended at any time and gives back its memory.

A worker is a script, run by its path, because inside ComfyUI the package has no importable name. It
gets one JSON object on standard input and writes JSON lines to standard output. When its standard
input closes, the parent is gone and it ends.
"""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

Message = Mapping[str, Any]

_TICK = 0.25  # seconds between two checks whether to go on


def run_worker(
    script: Path,
    request: Message,
    heard: Callable[[Message], bool],
    tick: Callable[[], None] = lambda: None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Run a worker until it has sent its last message, and end it.

    heard:     called with each message; returns whether it was the last
    tick:      called several times per second; what it raises ends the worker and is passed on
    variables: of the environment, for the worker alone

    Returns "" or, if it ended without a last message, its exit status. What its libraries printed
    last is added, as this often holds the reason.
    """
    with tempfile.TemporaryFile() as words:
        worker = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
            encoding="utf-8",
            env={**os.environ, **(variables or {})},
        )
        try:
            ended = _follow(worker, request, heard, tick)
        finally:
            # On success, on failure, and when the user cancels.
            worker.kill()
            worker.wait()
            for pipe in (worker.stdin, worker.stdout):
                _closed(pipe)
        return "" if ended else f"it ended with status {worker.returncode}{_said(words)}"


def _closed(pipe: IO[str] | None) -> None:
    try:
        if pipe is not None:
            pipe.close()
    except OSError:  # it is gone, and with it what was not read
        pass


def _follow(
    worker: subprocess.Popen[str],
    request: Message,
    heard: Callable[[Message], bool],
    tick: Callable[[], None],
) -> bool:
    """Return whether the worker has sent its last message."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    out = worker.stdout

    def read() -> None:
        for line in out:
            lines.put(line)
        lines.put(None)

    try:
        worker.stdin.write(json.dumps(request) + "\n")
        worker.stdin.flush()
    except BrokenPipeError:
        return False
    threading.Thread(target=read, daemon=True).start()
    while True:
        tick()
        try:
            line = lines.get(timeout=_TICK)
        except queue.Empty:
            continue
        if line is None:
            worker.wait()
            return False
        if heard(json.loads(line)):
            return True


def _said(words: IO[bytes]) -> str:
    """Return the last lines that the worker's libraries printed."""
    words.seek(0)
    lines = [line for line in words.read().decode(errors="replace").splitlines() if line.strip()]
    return "".join(f"\n  {line.strip()}" for line in lines[-3:])
