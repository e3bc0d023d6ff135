"""Benchmark: measures a model on the backends of this machine."""

import time
from typing import Any

from ...engines.models.model import Model
from ...engines.runtime.backend import PRECISIONS
from ...engines.runtime.backends import names
from ...engines.runtime.cache import EngineCache
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..streaming import ONCE
from ..types import KinoModel
from . import CATEGORY


class Benchmark(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 360

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographBenchmark",
            display_name="Benchmark",
            category=CATEGORY,
            **found_by("speed test, latency, frames per second, profile, compare backends"),
            description="Runs a model on the backends of this machine: do their outputs agree, and "
            "how fast is each? Missing engines are built, which may take minutes.",
            is_output_node=True,
            inputs=[
                KinoModel.Input("model", tooltip="From a node that loads a model."),
                io.Combo.Input(
                    "backend",
                    options=["all", *names()],
                    default="all",
                    tooltip="all, or only one. Backends that this machine does not have are listed "
                    "with the reason.",
                ),
                io.Combo.Input(
                    "precision",
                    options=["auto", *PRECISIONS],
                    default="auto",
                    tooltip="Precision of weights and activations. auto: fp16 on a GPU, fp32 on a "
                    "CPU.",
                ),
                io.Int.Input(
                    "batch",
                    default=1,
                    min=1,
                    max=256,
                    step=1,
                    tooltip="Images per call.",
                ),
                io.Int.Input(
                    "runs",
                    default=20,
                    min=1,
                    max=1000,
                    step=1,
                    tooltip="Number of measured calls, after 5 that are not measured.",
                ),
            ],
            outputs=[
                io.String.Output(
                    display_name="report",
                    tooltip="One line per backend: milliseconds per call, images per second, "
                    "agreement.",
                )
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **values: object) -> float:
        return time.time()  # measured again each time

    @classmethod
    def execute(
        cls, model: Model, backend: str, precision: str, batch: int, runs: int
    ) -> io.NodeOutput:
        from ...engines.evaluation.backends import run_suite

        backends = names() if backend == "all" else (backend,)
        report = run_suite(
            model,
            backends,
            device=host.compute_device(),
            precision=precision,
            cache=EngineCache(host.engine_folder()),
            runs=runs,
            batch=batch,
            progress=host.progress(len(backends), "backends"),
        )
        text = in_words(report)
        return io.NodeOutput(text, ui=Shown(text))


def in_words(report: dict[str, Any]) -> str:
    """Return the suite's report as a table: the times of each backend, or why it does not run."""
    count, _, high, wide = report["benchmark"]["input"]
    timed = {result["name"]: result for result in report["benchmark"]["results"]}
    lines = [f"{report['meta']['model']}, {count} x {wide}x{high}"]
    for name, found in report["parity"]["candidates"].items():
        if name not in timed:
            lines.append(f"{name}: {found['reason']}")
            continue
        metrics = timed[name]["metrics"]
        verdict = "agrees" if found["passed"] else f"DISAGREES: {found['reason']}"
        lines.append(
            f"{name} {found['precision']} on {found['device']}: "
            f"{metrics['latency_ms']['p50']:.2f} ms per call (median), "
            f"{metrics['fps']:.1f} images/s, {verdict}"
        )
    return "\n".join(lines)
