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
    """Return the preprocessor "Flow": frames become coloured maps of motion. Needs Scope."""
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
    from ...engines.render.choices import NOISE_FLOOR

    models = [
        entry.name for entry in registry().values() if entry.task == "flow" and not entry.terms
    ]

    class FlowConfig(BasePipelineConfig):  # type: ignore[misc]
        """The pipeline's settings, as Scope shows them."""

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
            description="Which motion is drawn in full colour. vace: each frame's fastest pixel, "
            "as in VACE's own annotator. ema: the same, but falling slowly, which flickers less. "
            "fixed: 2 % of the diagonal, which flickers least.",
            # For single frames, clip would be the same as vace.
            json_schema_extra=menu(
                ["vace", "ema", "fixed"], ui_field_config(order=1, label="Normalise")
            ),
        )
        flow_strength: float = Field(
            default=1.0,
            ge=0.0,
            le=2.0,
            description="Strength of the colours. 0: everything is white.",
            json_schema_extra=ui_field_config(order=2, label="Flow Strength"),
        )
        noise_floor: float = Field(
            default=NOISE_FLOOR,
            ge=0.0,
            le=20.0,
            description="Motion in pixels per frame that counts as none. Raise it if still scenes "
            "show noise.",
            json_schema_extra=ui_field_config(order=3, label="Noise Floor"),
        )
        size: int = Field(
            default=0,
            ge=0,
            le=1024,
            description="Longer side of the frames in the computation, in pixels; smaller is "
            "faster. 0: the model's recommended size. The maps have the size of the frames.",
            json_schema_extra=ui_field_config(order=4, label="Flow Size", is_load_param=True),
        )
        model: str = Field(
            default="auto",
            description="What computes the flow. auto: RAFT on a GPU, downloaded once from the "
            "Hugging Face Hub, otherwise dis, which is OpenCV's and runs on the CPU; a named one "
            "is used, or fails and says why.",
            json_schema_extra=menu(
                ["auto", "dis", *models],
                ui_field_config(order=5, label="Model", is_load_param=True),
            ),
        )
        backend: str = backend_field(order=6)

    class FlowPipeline(Pipeline):  # type: ignore[misc]
        """Load the engine once; the look of the maps can change at any time."""

        @classmethod
        def get_config_class(cls) -> type[Any]:
            return FlowConfig

        def __init__(self, **settings: Any):
            super().__init__()
            self._settings = given(FlowConfig().model_dump(), settings)
            self._choice = choose(self._settings["model"], backend=self._settings["backend"])
            # Frames come one at a time, so the first one cannot take the motion of a second one.
            estimator = FlowEstimator(
                self._choice.engine, size=int(self._settings["size"]), first="white"
            )
            self._stream = FlowStream(estimator)
            log.info("Flow: %s", self._choice.report())

        def prepare(self, **settings: Any) -> Any:
            # For more than one frame, Scope would sample the waiting frames and drop the others.
            return Requirements(input_size=1)

        def __call__(self, **call: Any) -> dict[str, Any]:
            """Turn `video`, a list of (1,H,W,3) in 0..255, into `video` (T,H,W,3) in 0..1.

            `init_cache` is true in the first call of a stream and when Scope restarts it.
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
