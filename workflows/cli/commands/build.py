"""`kinograph build`: build a model's engine, also for GPUs of other machines."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ....engines.runtime.backends import backends
from ..arguments import add_debug
from ..command import Command


def _flavours() -> tuple[str, ...]:
    """Return the backends that keep a file, best first."""
    return tuple(backend.name for backend in backends() if backend.keeps_file)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a name that `kinograph doctor` lists, or FAMILY:FILE for a file in the models folder",
    )
    parser.add_argument(
        "--flavour",
        "--backend",
        default="tensorrt_rtx",
        choices=_flavours(),
        help="what the engine is for; default: tensorrt_rtx",
    )
    parser.add_argument(
        "--capability",
        action="append",
        default=[],
        metavar="SM",
        help="compute capability to build for, e.g. sm89; may be given several times; default: "
        "this machine's",
    )
    parser.add_argument(
        "--precision", default="fp16", choices=("fp32", "fp16"), help="default fp16"
    )
    parser.add_argument(
        "--max-batch", type=int, default=16, help="largest batch, in frames (default 16)"
    )
    parser.add_argument(
        "--min-size", type=int, default=128, help="smallest longer side, px (default 128)"
    )
    parser.add_argument(
        "--max-size", type=int, default=1024, help="largest longer side, px (default 1024)"
    )


def _run(arguments: argparse.Namespace) -> int:
    from ....engines.runtime.cache import EngineCache
    from ....engines.runtime.folders import engine_folder
    from ....engines.runtime.upkeep import build

    with PhaseBars() as bars:
        path = build(
            EngineCache(engine_folder()),
            model=arguments.model,
            backend=arguments.flavour,
            precision=arguments.precision,
            max_batch=arguments.max_batch,
            sizes=(arguments.min_size, arguments.max_size),
            capabilities=[c for text in arguments.capability for c in text.split(",")],
            progress=bars.step,
        )
    print(f"{path}  {path.stat().st_size / 2**20:.1f} MiB")
    return 0


class PhaseBars:
    """A progress bar for each phase of a build that has more than a few steps."""

    def __init__(self) -> None:
        self._bars: dict[str, Any] = {}

    def __enter__(self) -> PhaseBars:
        return self

    def __exit__(self, *error: object) -> None:
        for bar in self._bars.values():
            bar.close()

    def step(self, phase: str, step: int, steps: int) -> None:
        """Advance the bar of a phase to a step, counted from 0."""
        from tqdm import tqdm

        if steps < 10:
            return
        if phase not in self._bars:
            self._bars[phase] = tqdm(total=steps, desc=f"{phase:<32.32}", file=sys.stderr)
        bar = self._bars[phase]
        bar.update(step + 1 - bar.n)


COMMAND = Command(
    name="build",
    help="build a model's engine, also for GPUs of other machines",
    run=_run,
    arguments=(add_debug, _add_arguments),
    order=100,
)
