"""Nodes that turn a model into something that runs."""

import time

from ...engines.families import network_of
from ...engines.models.registry import Model
from ...engines.runtime.cache import EngineCache
from ...engines.runtime.engine import build_engine
from ...engines.runtime.ladder import BACKENDS, PRECISIONS
from ...engines.runtime.upkeep import Finding, listed, pruned, rebuilt, verified
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..types import KinoEngine, KinoModel

WORKING_ROOM = 512 * 2**20  # what building and the first answers take besides the weights


class BuildEngine(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographBuildEngine",
            display_name="Build Engine",
            category="Kinograph/engine",
            **found_by("tensorrt, trt, engine loader, onnxruntime, torch compile, load engine"),
            description="Puts a model on the best backend of this machine and checks its answers.",
            inputs=[
                KinoModel.Input("model", tooltip="From a node that loads a model."),
                io.Combo.Input(
                    "backend",
                    options=["auto", *BACKENDS],
                    default="auto",
                    tooltip="What runs the network. auto takes the best that works here and says "
                    "why; a named one is used or fails with the reason, it never falls back. "
                    "Engines are built once and kept.",
                ),
                io.Combo.Input(
                    "precision",
                    options=["auto", *PRECISIONS],
                    default="auto",
                    tooltip="Of weights and activations. auto: fp16 on a GPU, fp32 on a CPU. "
                    "bf16 is coarse for MoveNet, whose weights are fp16.",
                ),
                io.Int.Input(
                    "max_batch",
                    default=16,
                    min=1,
                    max=256,
                    step=1,
                    tooltip="Most frames a call takes. More is faster on a GPU and needs more "
                    "memory; on a CPU fewer are taken where that is faster.",
                ),
                io.Int.Input(
                    "min_size",
                    default=128,
                    min=32,
                    max=4096,
                    step=32,
                    tooltip="Smallest detection size, or size in Estimate Flow, that the engine "
                    "must take, in pixels.",
                ),
                io.Int.Input(
                    "max_size",
                    default=1024,
                    min=32,
                    max=4096,
                    step=32,
                    tooltip="Largest detection size, or size in Estimate Flow, that the engine "
                    "must take, in pixels.",
                ),
            ],
            outputs=[
                KinoEngine.Output(display_name="engine", tooltip="For nodes that run a network."),
                io.String.Output(
                    display_name="report", tooltip="Which backend and precision, and why."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: Model,
        backend: str,
        precision: str,
        max_batch: int,
        min_size: int,
        max_size: int,
    ) -> io.NodeOutput:
        host.make_room(WORKING_ROOM + 2 * model.path.stat().st_size)
        engine = build_engine(
            model,
            network_of(model),
            backend=backend,
            precision=precision,
            device=host.compute_device(),
            cache=EngineCache(host.engine_folder()),
            max_batch=max_batch,
            sizes=(min_size, max_size),
            progress=host.build_progress,
        )
        engine.full_batches = host.whole_clips()
        host.ready(engine)
        report = engine.report()
        return io.NodeOutput(engine, report, ui=Shown(report, warnings=engine.warnings))


_ACTIONS = ("list", "verify", "prune", "rebuild")


class EngineUpkeep(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographEngineUpkeep",
            display_name="Engine Upkeep",
            category="Kinograph/engine",
            **found_by(
                "engine cache, clear cache, delete engines, prune engines, verify engines, "
                "rebuild engines"
            ),
            description="Shows the built engines, checks them, removes or rebuilds what is bad.",
            is_output_node=True,
            inputs=[
                io.Combo.Input(
                    "action",
                    options=list(_ACTIONS),
                    default="list",
                    tooltip="list; verify: read every byte, run what this machine can run and "
                    "compare; prune: remove what is damaged, left over or of another version; "
                    "rebuild: build that anew.",
                ),
                io.String.Input(
                    "name",
                    default="",
                    tooltip="Only the engine of this name, or those that begin so. Empty: all.",
                ),
            ],
            outputs=[io.String.Output(display_name="report", tooltip="A line an engine.")],
        )

    @classmethod
    def fingerprint_inputs(cls, **values: object) -> float:
        return time.time()  # the folder may have changed

    @classmethod
    def execute(cls, action: str, name: str) -> io.NodeOutput:
        cache = EngineCache(host.engine_folder())
        names = [name] if name else []
        models = host.models_folder()
        found: list[Finding] = []
        if action == "verify":
            for finding in verified(cache, names, models=models):
                host.go_on()
                found.append(finding)
        elif action == "rebuild":
            found = rebuilt(cache, names, models=models)
        else:
            found = (listed if action == "list" else pruned)(cache, names)
        lines = [f"{f.state:<8} {f.size / 2**20:7.1f} MiB  {f.name}  {f.detail}" for f in found]
        report = "\n".join([str(cache.folder), *(lines or ["no engines yet"])])
        damaged = [f"{f.name} is damaged: {f.detail}" for f in found if f.state == "damaged"]
        return io.NodeOutput(report, ui=Shown(report, warnings=damaged))
