"""The subcommands about engines: build, engines, parity, and bench of a model."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .arguments import Parents

FLAVOURS = ("tensorrt_rtx", "tensorrt", "onnxruntime", "torch_compiled")


def add_commands(commands: Any, benches: Any, parents: Parents, *, models: bool) -> None:
    """Add the subcommands to the parser's `commands`, and to `benches` the models if wanted."""
    build = commands.add_parser(
        "build",
        parents=[parents.common],
        help="build a model's engine, also for cards of other machines",
    )
    build.add_argument("model", metavar="MODEL", help="a name that kinograph doctor lists")
    build.add_argument(
        "--flavour", default="tensorrt_rtx", choices=FLAVOURS, help="default: tensorrt_rtx"
    )
    build.add_argument(
        "--capability",
        action="append",
        default=[],
        metavar="SM",
        help="card to build for, e.g. sm89; may be given several times; default: this machine's",
    )
    build.add_argument("--precision", default="fp16", choices=("fp32", "fp16"), help="default fp16")
    build.add_argument("--max-batch", type=int, default=16, help="most frames a call (default 16)")
    build.add_argument("--min-size", type=int, default=128, help="smallest longer side (128)")
    build.add_argument("--max-size", type=int, default=1024, help="largest longer side (1024)")
    build.set_defaults(run=_build)

    engines = commands.add_parser("engines", help="look after the built engines")
    actions = engines.add_subparsers(required=True, metavar="ACTION")
    for name, text in (
        ("list", "what there is"),
        ("verify", "read every byte, run what this machine can run, compare with the reference"),
        ("prune", "remove what is damaged, left over, or built by another version"),
        ("rebuild", "build anew what is damaged or built by another version"),
    ):
        action = actions.add_parser(name, parents=[parents.common], help=text)
        action.add_argument("names", nargs="*", metavar="NAME", help="only these engines")
        action.set_defaults(run=_engines, action=name, all=False, older_than=0.0)
        if name == "prune":
            action.add_argument("--all", action="store_true", help="remove every engine")
            action.add_argument(
                "--older-than", type=float, default=0.0, metavar="DAYS", help="remove these, too"
            )

    suite = argparse.ArgumentParser(add_help=False)
    suite.add_argument(
        "--backends", metavar="A,B,...", help="default: all, those that are not here included"
    )
    suite.add_argument("--precision", default="auto", help="auto (default), fp32, fp16 or bf16")
    suite.add_argument("--output", type=Path, metavar="FILE", help="write the report as JSON")

    parity = commands.add_parser(
        "parity",
        parents=[parents.common, parents.running, suite],
        help="compare a model's outputs on several backends with the reference",
    )
    parity.add_argument("model", metavar="MODEL")
    parity.set_defaults(run=_suite, runs=0, warmup=0, batch=1, size=None)

    for name in _models() if models else []:
        bench = benches.add_parser(
            name,
            parents=[parents.common, parents.running, suite],
            help="latency of this model on every backend",
        )
        bench.add_argument("--batch", type=int, default=1, help="images a call (default 1)")
        bench.add_argument("--size", metavar="WxH", help="default: 16:9 at the recommended size")
        bench.add_argument("--runs", type=int, default=50, help="calls to measure (default 50)")
        bench.add_argument("--warmup", type=int, default=10, help="calls before (default 10)")
        bench.set_defaults(run=_suite, model=name)


def _models() -> list[str]:
    from ...engines.models.registry import registry

    return list(registry())


def _build(arguments: argparse.Namespace) -> int:
    from ...engines.runtime.cache import EngineCache
    from ...engines.runtime.folders import engine_folder
    from ...engines.runtime.upkeep import build

    with _Phases() as phases:
        path = build(
            EngineCache(engine_folder()),
            model=arguments.model,
            backend=arguments.flavour,
            precision=arguments.precision,
            max_batch=arguments.max_batch,
            sizes=(arguments.min_size, arguments.max_size),
            capabilities=[c for text in arguments.capability for c in text.split(",")],
            progress=phases.step,
        )
    print(f"{path}  {path.stat().st_size / 2**20:.1f} MiB")
    return 0


class _Phases:
    """A bar for each phase of a build that has more than a few steps."""

    def __init__(self) -> None:
        self._bars: dict[str, Any] = {}

    def __enter__(self) -> _Phases:
        return self

    def __exit__(self, *error: object) -> None:
        for bar in self._bars.values():
            bar.close()

    def step(self, phase: str, step: int, steps: int) -> None:
        from tqdm import tqdm

        if steps < 10:
            return
        if phase not in self._bars:
            self._bars[phase] = tqdm(total=steps, desc=f"{phase:<32.32}", file=sys.stderr)
        bar = self._bars[phase]
        bar.update(step + 1 - bar.n)


def _engines(arguments: argparse.Namespace) -> int:
    from ...engines.runtime import upkeep
    from ...engines.runtime.cache import EngineCache
    from ...engines.runtime.folders import engine_folder
    from ..execution.report import print_table

    cache = EngineCache(engine_folder())
    actions: dict[str, Callable[[], list[upkeep.Finding]]] = {
        "list": lambda: upkeep.listed(cache, arguments.names),
        "verify": lambda: list(upkeep.verified(cache, arguments.names)),
        "prune": lambda: upkeep.pruned(
            cache, arguments.names, everything=arguments.all, days=arguments.older_than
        ),
        "rebuild": lambda: upkeep.rebuilt(cache, arguments.names),
    }
    found = actions[arguments.action]()
    print(cache.folder)
    print_table(
        ["engine", "MiB", "state", "detail"],
        [[f.name, f"{f.size / 2**20:.1f}", f.state, f.detail] for f in found],
        "MiB",
    )
    return 1 if any(f.state == "damaged" for f in found) else 0


def _suite(arguments: argparse.Namespace) -> int:
    from ...engines.evaluation.backends import passed, run_suite
    from ...engines.models.registry import resolve
    from ...engines.runtime.ladder import BACKENDS
    from ..execution.report import write_report

    named = arguments.backends.split(",") if arguments.backends else []
    report = run_suite(
        resolve(arguments.model),
        named or BACKENDS,
        device=arguments.device,
        precision=arguments.precision,
        runs=arguments.runs,
        warmup=arguments.warmup,
        batch=arguments.batch,
        size=parsed_size("--size", arguments.size) if arguments.size else None,
    )
    _print_suite(report)
    write_report(report, arguments.output)
    candidates = report["parity"]["candidates"]
    return 0 if passed(report, named or [n for n, c in candidates.items() if c["available"]]) else 1


def parsed_size(option: str, text: str) -> tuple[int, int]:
    """ "448x256" -> height 256, width 448. Raises `InputError` for anything else."""
    from ...engines.errors import InputError

    wide, cross, high = text.lower().partition("x")
    if not (cross and wide.isdigit() and high.isdigit() and int(wide) and int(high)):
        raise InputError(f"{option}: expected WIDTHxHEIGHT, e.g. 448x256, found {text!r}")
    return int(high), int(wide)


def _print_suite(report: dict[str, Any]) -> None:
    from ..execution.report import print_table

    rows = []
    for name, candidate in report["parity"]["candidates"].items():
        verdict = "passed" if candidate["passed"] else "FAILED"
        if not candidate["available"]:
            rows.append([name, "unavailable", "", "", candidate["reason"]])
            continue
        outputs = candidate.get("outputs", {})
        worst = max(outputs, key=lambda n: outputs[n]["error"], default="")
        error = f"{outputs[worst]['error']:.2g} ({worst})" if worst else ""
        rows.append([name, verdict, candidate.get("precision", ""), error, candidate["reason"]])
    print_table(["backend", "parity", "precision", "largest error (output)", "reason"], rows)
    if not report["benchmark"]["enabled"]:
        return
    print()
    print("x".join(map(str, report["benchmark"]["input"])), "milliseconds a call")
    print_table(
        ["backend", "p50", "p95", "mean", "min", "max", "frames/s"],
        [
            [
                result["name"],
                *(
                    f"{result['metrics']['latency_ms'][part]:.3f}"
                    for part in ("p50", "p95", "mean", "min", "max")
                ),
                f"{result['metrics']['fps']:.1f}",
            ]
            for result in report["benchmark"]["results"]
        ],
        "p50,p95,mean,min,max,frames/s",
    )
