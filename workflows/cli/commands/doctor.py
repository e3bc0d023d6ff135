"""`kinograph doctor`: what this machine can do, and one command for each thing that it cannot."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from ..arguments import add_debug
from ..command import Command


def _run(arguments: argparse.Namespace) -> int:
    print_doctor()
    return 0


def print_doctor() -> None:
    """Print versions, processors, backends and models as tables."""
    import torch

    from .... import __version__
    from ....engines.models.registry import registry, state_of
    from ....engines.runtime.ladder import capabilities
    from ..terminal import print_table

    rows = [
        ["kinograph", __version__],
        ["Python", f"{platform.python_version()} ({sys.executable})"],
        ["system", f"{platform.system()} {platform.release()} {platform.machine()}"],
        ["CPU", f"{os.cpu_count()} cores, {torch.get_num_threads()} threads for PyTorch"],
        ["torch", torch.__version__],
        *([package, _version(package)] for package in ("av", "numpy", "safetensors", "Pillow")),
    ]
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            card = torch.cuda.get_device_properties(index)
            rows.append(
                [
                    f"GPU {index}",
                    f"{card.name}, compute capability {card.major}.{card.minor}, "
                    f"{card.total_memory / 2**30:.0f} GiB",
                ]
            )
    else:
        rows.append(["GPU", "none that PyTorch can use"])
    print_table(["part", "found"], rows)
    print()
    print_table(
        ["backend", "usable", "why not, and what to do"],
        [
            [
                c.title,
                "yes" if c.usable else "no",
                f"{c.reason}; run: {c.cure}" if c.cure else c.reason,
            ]
            for c in capabilities()
        ],
    )
    print()
    print_table(
        ["model", "task", "licence", "file"],
        [[e.name, e.task, e.licence, state_of(e)] for e in registry().values()],
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


COMMAND = Command(
    name="doctor",
    help="say what this machine can do",
    run=_run,
    arguments=(add_debug,),
    order=80,
)
