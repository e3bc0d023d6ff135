"""`kinograph doctor`: what this machine can do, and one command for each thing that it cannot."""

from __future__ import annotations

import argparse
import os
import platform
import sys

from ..arguments import add_debug
from ..command import Command


def _run(arguments: argparse.Namespace) -> int:
    print_doctor()
    return 0


def print_doctor() -> None:
    """Print versions, processors, backends and models as tables."""
    import torch

    from .... import __version__
    from ....engines.environment import gpus, package_version, system
    from ....engines.models.registry import registry, state_of
    from ....engines.runtime.ladder import capabilities
    from ..terminal import print_table

    rows = [
        ["kinograph", __version__],
        ["Python", f"{platform.python_version()} ({sys.executable})"],
        ["system", system()],
        ["CPU", f"{os.cpu_count()} cores, {torch.get_num_threads()} threads for PyTorch"],
        ["torch", torch.__version__],
        *(
            [package, package_version(package) or "not installed"]
            for package in ("av", "numpy", "safetensors", "Pillow")
        ),
    ]
    for index, card in enumerate(gpus()):
        rows.append(
            [
                f"GPU {index}",
                f"{card['name']}, compute capability {card['capability']}, "
                f"{card['memory'] / 2**30:.0f} GiB",
            ]
        )
    if not gpus():
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


COMMAND = Command(
    name="doctor",
    help="say what this machine can do",
    run=_run,
    arguments=(add_debug,),
    order=80,
)
