"""What a run was run with, as files beside its checkpoint."""

import hashlib
import json
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from ..environment import machine, versions
from ..files import atomic_write, sha256_of
from .layout import Layout

_VERSION = 1
_GIT_SECONDS = 10


def write_records(
    layout: Layout,
    config: Mapping[str, Any],
    settings: Mapping[str, Any],
    results: Mapping[str, Any],
    about: Mapping[str, Any],
) -> None:
    """Write the records of a run: run_record.json and metrics.json, or those of the run contract
    in reports/.

    config:   of the network; settings: of the training
    results:  `steps`, `seconds`, `last` and what else came out
    about:    the data and the options, as plain values

    Raises `MediaError` if one cannot be written.
    """
    checkpoints = {
        path.name: sha256_of(path) for path in (layout.checkpoint, layout.best) if path.exists()
    }
    resolved = {"config": dict(config), "settings": dict(settings), **about}
    record = {
        "schema_version": _VERSION,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "git": {"sha": _commit() or "none"},
        "dependency_lock": _packages(),
        "preprocess": {"image_size": config.get("network", {}).get("size")},
        "hardware": _hardware(),
        "runtime": {
            "python_version": platform.python_version(),
            "platform": platform.platform(),
            "python_executable": sys.executable,
        },
        "command": {
            "argv": sys.argv,
            "command_str": shlex.join(sys.argv),
            "python_executable": sys.executable,
            "cwd": str(Path.cwd()),
        },
        "machine": machine(),
        "versions": versions("numpy", "scipy", "pycocotools"),
        "checkpoints": checkpoints,
        **results,
    }
    if layout.is_contract:
        reports = layout.metrics.parent
        _write(reports / "run_meta.json", json.dumps(record, indent=2, allow_nan=False) + "\n")
        _write(reports / "config_resolved.yaml", yaml.safe_dump(_plain(resolved), sort_keys=False))
        return
    text = json.dumps(record | resolved, indent=2, allow_nan=False) + "\n"
    _write(layout.folder / "run_record.json", text)
    last = dict(results["last"])
    summary = {
        "schema_version": _VERSION,
        "timestamp": record["timestamp"],
        "losses": {name: value for name, value in last.items() if name != "step"},
        "metrics": {"steps": results["steps"], **results.get("validation", {})},
        "meta": {"kind": "train_run", "run_record": "run_record.json"},
    }
    _write(layout.folder / "metrics.json", json.dumps(summary, indent=2, allow_nan=False) + "\n")


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as aside:
        aside.write_text(text, encoding="utf-8")


def _plain(value: Any) -> Any:
    """Return `value` of dictionaries, lists and plain values alone, as YAML writes them."""
    return json.loads(json.dumps(value, allow_nan=False))


def _hardware() -> dict[str, Any]:
    found = machine()
    card = found["gpu"]
    return {"host": platform.node(), "accelerator": card["name"] if card else "cpu"}


def _packages() -> dict[str, Any]:
    """Return how many packages are installed, and a hash of their names and versions."""
    names = sorted({f"{d.metadata['Name']}=={d.version}" for d in metadata.distributions()})
    wanted = Path(__file__).parents[2] / "requirements.txt"
    return {
        "python_version": platform.python_version(),
        "package_count": len(names),
        "package_set_sha256": hashlib.sha256("\n".join(names).encode()).hexdigest(),
        "requirements_files_sha256": {wanted.name: sha256_of(wanted)} if wanted.exists() else {},
    }


def _commit() -> str:
    """Return the commit of the checkout that the run is started in; "" where there is none, and
    without git."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
