"""`kinograph doctor`: what this machine can do, and one command for each thing that it cannot."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..arguments import add_debug
from ..command import Command

if TYPE_CHECKING:
    from ....engines.runtime.backend import Capability


def _run(arguments: argparse.Namespace) -> int:
    print_doctor()
    return 0


def print_doctor() -> None:
    """Print versions, processors, backends and models as tables."""
    import torch

    from .... import __version__
    from ....engines.environment import gpus, package_version, system
    from ....engines.models.registry import registry, state_of
    from ....engines.runtime.ladder import capabilities, torch_cuda
    from ..terminal import print_table

    rows = [
        ["kinograph", __version__],
        ["Python", f"{platform.python_version()} ({sys.executable})"],
        ["system", system()],
        ["CPU", f"{_cores()}, {torch.get_num_threads()} threads for PyTorch"],
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
        rows.append(["GPU", _what_to_do(torch_cuda())])
    print_table(["part", "found"], rows)
    print()
    print_table(["backend", "usable", "why not, and what to do"], _backends(capabilities()))
    print()
    print_table(
        ["model", "task", "licence", "file"],
        [[e.name, e.task, e.licence, state_of(e)] for e in registry().values()],
    )


def _cores() -> str:
    from ....engines.environment import free_cores
    from ....engines.words import counted

    there, free = os.cpu_count() or 1, free_cores()
    return counted(there, "core") + (f", {free} of them for this process" if free < there else "")


def _what_to_do(found: Capability) -> str:
    return f"{found.reason}; run: {found.cure}" if found.cure else found.reason


def _backends(found: Sequence[Capability]) -> list[list[str]]:
    """Return the rows of backends; a reason that several share is given once."""
    from ....engines.runtime.ladder import torch_cuda

    said = {} if torch_cuda().usable else {_what_to_do(torch_cuda()): "GPU"}
    rows = []
    for one in found:
        text = _what_to_do(one)
        first = said.setdefault(text, one.title) if text else one.title
        rows.append(
            [
                one.title,
                "yes" if one.usable else "no",
                text if first == one.title else f"see {first}",
            ]
        )
    return rows


COMMAND = Command(
    name="doctor",
    help="say what this machine can do",
    run=_run,
    arguments=(add_debug,),
    order=80,
)
