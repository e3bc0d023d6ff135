"""The pipeline "Flow" for Daydream Scope."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any, ClassVar

from ... import __version__
from .parts import backend_field, frames_of, given, menu

log = logging.getLogger("kinograph")


@cache
def flow_pipeline() -> type[Any]:
    """The preprocessor "Flow": frames become coloured maps of their motion. Needs Scope."""
    from pydantic import Field
    from scope.core.pipelines.base_schema import (
        BasePipelineConfig,
        ModeDefaults,
        UsageType,
        ui_field_config,
    )
    from scope.core.pipelines.interface import Pipeline, Requirements

    from ...engines.flow.choose import choose
    from ...engines.flow.estimate import FlowEstimator
    from ...engines.models.registry import registry
    from ...engines.programs.flow_stream import FlowStream
    from ...engines.render.flow_drawing import NOISE_FLOOR

    models = [
        entry.name for entry in registry().values() if entry.task == "flow" and not entry.terms
    ]

    class FlowConfig(BasePipelineConfig):  # type: ignore[misc]
        """Settings of the pipeline, as Scope shows them."""

        pipeline_id = "kinograph-flow"
        pipeline_name = "Flow"
        pipeline_description = (
            "Optical flow of the video in colours as a control video for VACE (Kinograph)."
        )
        pipeline_version = __version__
        supports_prompts = False
        usage: ClassVar[list[Any]] = [UsageType.PREPROCESSOR]
        modes: ClassVar[dict[str, Any]] = {"video": ModeDefaults(default=True)}

        normalise: str = Field(
            default="vace",
            description="What is drawn in full colour. vace: each frame's fastest pixel, as VACE's "
            "own annotator. ema: the same, but falling slowly, which flickers less. fixed: 2 % of "
            "the diagonal, which flickers least.",
            # clip would be the same as vace, one frame at a time
            json_schema_extra=menu(
                ["vace", "ema", "fixed"], ui_field_config(order=1, label="Normalise")
            ),
        )
        flow_strength: float = Field(
            default=1.0,
            ge=0.0,
            le=2.0,
            description="Of the colours. 0: all white.",
            json_schema_extra=ui_field_config(order=2, label="Flow Strength"),
        )
        noise_floor: float = Field(
            default=NOISE_FLOOR,
            ge=0.0,
            le=20.0,
            description="Motion in pixels a frame below which the picture is still. Raise it when "
            "still scenes show noise.",
            json_schema_extra=ui_field_config(order=3, label="Noise Floor"),
        )
        size: int = Field(
            default=0,
            ge=0,
            le=1024,
            description="Longer side of the frames in the computation, in pixels; smaller is "
            "faster. 0: what the model is best at. The maps have the size of the frames.",
            json_schema_extra=ui_field_config(order=4, label="Flow Size", is_load_param=True),
        )
        model: str = Field(
            default="auto",
            description="What computes the flow. auto: RAFT on a GPU, fetched once from the "
            "Hugging Face Hub, else dis, which is OpenCV's and runs on the CPU; a named one is "
            "used or fails with the reason.",
            json_schema_extra=menu(
                ["auto", "dis", *models],
                ui_field_config(order=5, label="Model", is_load_param=True),
            ),
        )
        backend: str = backend_field(order=6)

    class FlowPipeline(Pipeline):  # type: ignore[misc]
        """Loads its engine when it is made; what the maps look like is live."""

        @classmethod
        def get_config_class(cls) -> type[Any]:
            return FlowConfig

        def __init__(self, **settings: Any):
            super().__init__()
            self._settings = given(FlowConfig().model_dump(), settings)
            self._choice = choose(self._settings["model"], backend=self._settings["backend"])
            # Frames come one at a time: there is no second one whose motion the first could take.
            estimator = FlowEstimator(
                self._choice.engine, size=int(self._settings["size"]), first="white"
            )
            self._stream = FlowStream(estimator)
            log.info("Flow: %s", self._choice.report())

        def prepare(self, **settings: Any) -> Any:
            # Asked for more, Scope takes a sample of the frames that wait and drops the others.
            return Requirements(input_size=1)

        def __call__(self, **call: Any) -> dict[str, Any]:
            """`video`, a list of (1,H,W,3) in 0..255 -> `video` (T,H,W,3) in 0..1.

            `init_cache` is true in the first call of a stream and when Scope begins anew.
            """
            if not call.get("video"):
                return {}
            now = given(self._settings, call)
            frames = frames_of(call["video"], self._choice.device)
            size = (frames.shape[1], frames.shape[2])
            if call.get("init_cache") or self._stream.source != size:
                self._stream.reset()
            maps = self._stream.update(
                frames,
                normalise=now["normalise"],
                noise_floor=float(now["noise_floor"]),
                strength=float(now["flow_strength"]),
            )
            return {"video": maps}

        def shutdown(self) -> None:
            self._stream.reset()
            if self._choice.engine is not None:
                self._choice.engine.unload()

    return FlowPipeline
