"""The software and the hardware that a result was computed with.

The one collector of versions and of the machine's description: reports, benchmarks, `kinograph
doctor` and the keys of cached engines read them from here. PyTorch is imported when asked for.
"""

from __future__ import annotations

import math
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def package_version(distribution: str) -> str | None:
    """Return the installed version of a distribution, or None if it is not installed."""
    from importlib import metadata  # brings the package email along

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def versions(*distributions: str) -> dict[str, str]:
    """Return the versions of Kinograph, Python and PyTorch, and of `distributions`.

    Distributions that are not installed are left out. PyTorch is not imported for it.
    """
    from .. import __version__

    torch = sys.modules.get("torch")
    installed = {name: package_version(name) for name in distributions}
    return {
        "kinograph": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__) if torch else package_version("torch") or "",
        **{name: version for name, version in installed.items() if version is not None},
    }


def system() -> str:
    """Return the operating system, its release and the processor architecture."""
    return f"{platform.system()} {platform.release()} {platform.machine()}"


def processor() -> str:
    """Return the name of the CPU, or its architecture where the system does not tell the name."""
    return platform.processor() or platform.machine()


def free_cores(root: Path = Path("/")) -> int:
    """Return how many CPU cores this process may use, at least 1.

    Count the cores that it is bound to, limited by the quotas of its control group (v1 or v2) and
    of the groups above it, rounded up; containers set such quotas.

    root: where /proc and /sys are
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quotas = [math.ceil(quota) for quota in _quotas(root) if quota > 0]
    return max(1, min([bound or 1, *quotas]))


def _quotas(root: Path) -> Iterator[float]:
    """Yield the cores that each control group of this process may use on average."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if not controllers:  # version 2
            for group in _upward(root / "sys/fs/cgroup", path):
                limit, _, period = _text(group / "cpu.max").partition(" ")
                yield _ratio(limit, period)
        elif "cpu" in controllers.split(","):
            for mount in (controllers, "cpu"):
                for group in _upward(root / "sys/fs/cgroup" / mount, path):
                    limit = _text(group / "cpu.cfs_quota_us")
                    yield _ratio(limit, _text(group / "cpu.cfs_period_us"))


def _upward(top: Path, path: str) -> list[Path]:
    """Return a group and all above it; a container may see its own as the root."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    return [top.joinpath(*parts[:count]) for count in range(len(parts), -1, -1)]


def _ratio(limit: str, period: str) -> float:
    """Return the cores of a quota in microseconds per period; 0 if there is none."""
    try:
        return max(0.0, int(limit) / int(period))
    except (ValueError, ZeroDivisionError):  # "max", or no such file
        return 0.0


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def device_name(device: torch.device) -> str:
    """Return the name of the GPU at `device`, or of the CPU."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor()


def describe_device(device: torch.device) -> str:
    """Return a device with the name of its hardware, such as "cuda:0 (NVIDIA H200)"."""
    return f"{device} ({device_name(device)})"


def gpus() -> list[dict[str, Any]]:
    """Describe every GPU that PyTorch can use: name, compute capability, memory in bytes."""
    import torch

    if not torch.cuda.is_available():
        return []
    cards = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
    return [
        {
            "name": card.name,
            "capability": f"{card.major}.{card.minor}",
            "memory": card.total_memory,
            "cuda": torch.version.cuda,
        }
        for card in cards
    ]


def machine() -> dict[str, Any]:
    """Describe this machine as JSON: `system`, `cpu`, and `gpu`, the current one or None.

    Where nothing has imported PyTorch, no GPU can have been used, and it is not looked for.
    """
    if sys.modules.get("torch") is None:
        return {"system": system(), "cpu": f"{processor()}, {free_cores()} cores"}
    import torch

    cards = gpus()
    return {
        "system": system(),
        "cpu": f"{processor()}, {torch.get_num_threads()} threads",
        "gpu": cards[torch.cuda.current_device()] if cards else None,
    }
