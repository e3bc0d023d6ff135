"""Work in a process of its own: what it says, how it ends, and that it is gone when it is ended."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from kinograph.engines.errors import EngineError
from kinograph.engines.models.model import Model
from kinograph.engines.models.registry import resolve
from kinograph.engines.runtime import onnx_export
from kinograph.engines.runtime.cache import EngineCache
from kinograph.engines.runtime.network import network_of
from kinograph.engines.runtime.worker import run_worker

_HEAD = "import json, os, sys, time\nrequest = json.loads(sys.stdin.readline())\n"

EXPORT_APART = onnx_export._export_apart  # before the tests replace it


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "script.py"
        path.write_text(_HEAD + text)
        return path

    return write


def test_messages_come_in_order(script: Callable[[str], Path]) -> None:
    heard: list[Any] = []

    def note(message: Any) -> bool:
        heard.append(message["n"])
        return len(heard) == 3

    path = script("for n in range(request['count']): print(json.dumps({'n': n}), flush=True)")
    assert run_worker(path, {"count": 9}, note) == ""
    assert heard == [0, 1, 2]


def test_one_that_dies_is_reported_with_its_last_words(script: Callable[[str], Path]) -> None:
    path = script("print('why', file=sys.stderr); sys.exit(3)")
    assert run_worker(path, {}, lambda m: True) == "it ended with status 3\n  why"


def test_variables_are_of_the_worker_alone(script: Callable[[str], Path]) -> None:
    heard: list[Any] = []
    path = script("print(json.dumps({'v': os.environ['OF_THIS_TEST']}), flush=True)")
    run_worker(path, {}, lambda m: not heard.append(m), variables={"OF_THIS_TEST": "5"})
    assert heard == [{"v": "5"}]
    assert "OF_THIS_TEST" not in os.environ


def test_it_is_gone_soon_after_it_is_cancelled(script: Callable[[str], Path]) -> None:
    path = script("print(json.dumps({'pid': os.getpid()}), flush=True); time.sleep(60)")
    heard: list[Any] = []

    def cancel() -> None:
        if heard:
            raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_worker(path, {}, lambda m: bool(heard.append(m)), cancel)
    assert time.monotonic() - started < 10
    assert not psutil.pid_exists(heard[0]["pid"])


@pytest.fixture(scope="module")
def model() -> Model:
    return resolve("movenet_multipose")


@pytest.fixture
def in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a network is exported whose graph is not included."""
    monkeypatch.setattr(onnx_export, "_export_apart", EXPORT_APART)
    monkeypatch.setattr(onnx_export, "graph_path", lambda *arguments: None)


class Cancelled(Exception):  # noqa: N818
    """As ComfyUI raises it in the thread that runs the graph."""


def test_an_export_says_what_it_does_and_can_be_cancelled(
    model: Model, tmp_path: Path, in_another_process: None
) -> None:
    said: list[tuple[str, int, int]] = []
    cancelled = 0.0

    def progress(*words: Any) -> None:
        nonlocal cancelled
        said.append(words)
        if len(said) == 3:
            cancelled = time.monotonic()
            raise Cancelled

    network = network_of(model)
    with pytest.raises(Cancelled):
        onnx_export.exported(model, network, "fp32", EngineCache(tmp_path), progress=progress)
    assert time.monotonic() - cancelled < 2
    assert said[0][0] == "exporting movenet_multipose to ONNX, once, in about a minute"
    assert {steps for _, _, steps in said} == {0}
    assert not list(tmp_path.glob("*.engine"))
    assert not list(tmp_path.glob(".building-*"))


def test_an_error_of_the_export_is_passed_on(
    model: Model, tmp_path: Path, in_another_process: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "worker.py"
    broken.write_text(_HEAD + "print(json.dumps({'error': 'on strike'}), flush=True)")
    monkeypatch.setattr(onnx_export, "_WORKER", broken)
    with pytest.raises(EngineError, match="on strike"):
        onnx_export.exported(model, network_of(model), "fp32", EngineCache(tmp_path))
