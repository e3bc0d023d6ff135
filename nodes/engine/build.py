"""Build Engine: puts a model on a backend of this machine."""

from ...engines.models.model import Model
from ...engines.runtime.backend import PRECISIONS
from ...engines.runtime.backends import names as backend_names
from ...engines.runtime.cache import EngineCache
from .. import advanced
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..streaming import ONCE
from ..types import KinoEngine, KinoModel
from . import CATEGORY

WORKING_ROOM = 512 * 2**20  # what building and the first answers take besides the weights


class BuildEngine(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 30

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographBuildEngine",
            display_name="Build Engine",
            category=CATEGORY,
            **found_by("tensorrt, trt, engine loader, onnxruntime, torch compile, load engine"),
            description="Runs a model on the best backend of this machine and verifies its "
            "outputs.",
            inputs=[
                KinoModel.Input("model", tooltip="From a node that loads a model."),
                io.Combo.Input(
                    "backend",
                    options=["auto", *backend_names()],
                    default="auto",
                    tooltip="What runs the network. auto uses the best backend that works here and "
                    "says why. A backend that you name is used or fails with the reason; it never "
                    "falls back. Engines are built once and kept.",
                ),
                io.Combo.Input(
                    "precision",
                    options=["auto", *PRECISIONS],
                    default="auto",
                    tooltip="Precision of weights and activations. auto: fp16 on a GPU, fp32 on a "
                    "CPU. bf16 is coarse for MoveNet, whose weights are fp16.",
                ),
                advanced.Int.Input(
                    "max_batch",
                    default=16,
                    min=1,
                    max=256,
                    step=1,
                    tooltip="Maximum number of frames per call. More is faster on a GPU and needs "
                    "more memory; on a CPU, fewer are used where that is faster.",
                ),
                advanced.Int.Input(
                    "min_size",
                    default=128,
                    min=32,
                    max=4096,
                    step=32,
                    tooltip="Smallest detection size (or size in Estimate Flow) that the engine "
                    "must accept, in pixels.",
                ),
                advanced.Int.Input(
                    "max_size",
                    default=1024,
                    min=32,
                    max=4096,
                    step=32,
                    tooltip="Largest detection size (or size in Estimate Flow) that the engine "
                    "must accept, in pixels.",
                ),
            ],
            outputs=[
                KinoEngine.Output(display_name="engine", tooltip="For nodes that run a network."),
                io.String.Output(
                    display_name="report", tooltip="The backend and precision in use, and why."
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
        from ...engines.runtime.engine import build_engine
        from ...engines.runtime.network import network_of

        host.make_room(WORKING_ROOM + 2 * model.bytes)
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
