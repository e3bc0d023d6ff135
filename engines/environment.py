"""The software and the hardware that a result was computed with.

The one collector of versions and of the machine's description: reports, benchmarks, `kinograph
doctor` and the keys of cached engines read them from here. PyTorch is imported when asked for.
"""

from __future__ import annotations

import importlib.metadata
import platform
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def package_version(distribution: str) -> str | None:
    """Return the installed version of a distribution, or None if it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def versions(*distributions: str) -> dict[str, str]:
    """Return the versions of Kinograph, Python and PyTorch, and of `distributions`.

    Distributions that are not installed are left out.
    """
    import torch

    from .. import __version__

    installed = {name: package_version(name) for name in distributions}
    return {
        "kinograph": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        **{name: version for name, version in installed.items() if version is not None},
    }


def system() -> str:
    """Return the operating system, its release and the processor architecture."""
    return f"{platform.system()} {platform.release()} {platform.machine()}"


def processor() -> str:
    """Return the name of the CPU, or its architecture where the system does not tell the name."""
    return platform.processor() or platform.machine()


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
    """Describe this machine as JSON: `system`, `cpu`, and `gpu`, the current one or None."""
    import torch

    cards = gpus()
    return {
        "system": system(),
        "cpu": f"{processor()}, {torch.get_num_threads()} threads",
        "gpu": cards[torch.cuda.current_device()] if cards else None,
    }
