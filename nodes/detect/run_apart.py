"""A command of Kinograph's in a process of its own: ComfyUI runs nodes in inference mode, in which
nothing can be trained, and what a process leaves behind it gives back when it ends."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

_SCRIPT = Path(__file__).parents[2] / "workflows" / "cli" / "apart.py"
_TICK = 0.25  # seconds between two looks at it
_PATIENCE = 120.0  # seconds in which it saves what it has
_MARK = "kinograph: "  # what the command puts before its errors


def run_apart(
    words: Sequence[str], tick: Callable[[], None], variables: Mapping[str, str] | None = None
) -> str:
    """Run `kinograph WORDS...` to its end.

    tick:      called several times per second; what it raises asks the command to end after its
               step, and is passed on when it has
    variables: of the environment, for the command alone

    Returns "", or for a status other than 0 the command's last words.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, str(_SCRIPT), *words],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            env={**os.environ, **(variables or {})},
        )
        assert process.stdin is not None
        try:
            while process.poll() is None:
                tick()
                _wait(process, _TICK)
        finally:
            process.stdin.close()
            _wait(process, _PATIENCE)
            process.kill()  # it is gone, or does not listen
            process.wait()
        return "" if process.returncode == 0 else _last_words(said, process.returncode)


def _wait(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def _last_words(said: IO[bytes], status: int) -> str:
    """Return the error that the command reported, or else what it said last."""
    said.seek(0)
    text = said.read().decode("utf-8", errors="replace")
    _, mark, error = text.rpartition(f"\n{_MARK}")
    if mark or text.startswith(_MARK):
        return (error if mark else text.removeprefix(_MARK)).strip()
    lines = [line.rpartition("\r")[2].strip() for line in text.splitlines()]
    last = [line for line in lines if line][-3:]
    return "\n  ".join([f"the process ended with status {status}", *last])
