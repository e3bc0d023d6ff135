"""The pipeline "Flow" for Daydream Scope."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any, ClassVar

from ... import __version__
from .parts import backend_field, frames_of, menu, updated

log = logging.getLogger("kinograph")


@cache
def flow_pipeline() -> type[Any]:
    """Return the preprocessor "Flow", which turns frames into coloured flow maps. Needs Scope."""
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
    from ...engines.flow.stream import FlowStream
    from ...engines.models.registry import registry
    from ...engines.render.flow_drawing import NOISE_FLOOR

    models = [
        entry.name for entry in registry().values() if entry.task == "flow" and not entry.terms
    ]

    class FlowConfig(BasePipelineConfig):  # type: ignore[misc]
        """The settings of the pipeline, as Scope shows them."""

        pipeline_id = "kinograph-flow"
        pipeline_name = "Flow"
        pipeline_description = (
            "Optical flow of the video, in colour, as a control video for VACE (Kinograph)."
        )
        pipeline_version = __version__
        supports_prompts = False
        usage: ClassVar[list[Any]] = [UsageType.PREPROCESSOR]
        modes: ClassVar[dict[str, Any]] = {"video": ModeDefaults(default=True)}

        normalise: str = Field(
            default="vace",
            description="The motion drawn in full colour. vace: each frame's fastest pixel, as in "
            "VACE's own annotator. ema: the same, but decaying slowly, which flickers less. fixed: "
            "2 % of the diagonal, which flickers least.",
            # with one frame at a time, clip would be the same as vace
            json_schema_extra=menu(
                ["vace", "ema", "fixed"], ui_field_config(order=1, label="Normalise")
            ),
        )
        flow_strength: float = Field(
            default=1.0,
            ge=0.0,
            le=2.0,
            description="Strength of the colours. 0: all white.",
            json_schema_extra=ui_field_config(order=2, label="Flow Strength"),
        )
        noise_floor: float = Field(
            default=NOISE_FLOOR,
            ge=0.0,
            le=20.0,
            description="Motion, in pixels per frame, below which a pixel counts as still. Raise "
            "it if still scenes show noise.",
            json_schema_extra=ui_field_config(order=3, label="Noise Floor"),
        )
        size: int = Field(
            default=0,
            ge=0,
            le=1024,
            description="Longer side of the frames during the computation, in pixels; smaller is "
            "faster. 0: the recommended size of the model. The maps have the size of the frames.",
            json_schema_extra=ui_field_config(order=4, label="Flow Size", is_load_param=True),
        )
        model: str = Field(
            default="auto",
            description="The flow model. auto: RAFT on a GPU, downloaded once from the Hugging "
            "Face Hub, otherwise OpenCV's dis, which runs on the CPU; a named one is used, or "
            "the pipeline fails with the reason.",
            json_schema_extra=menu(
                ["auto", "dis", *models],
                ui_field_config(order=5, label="Model", is_load_param=True),
            ),
        )
        backend: str = backend_field(order=6)

    class FlowPipeline(Pipeline):  # type: ignore[misc]
        """Loads its engine on construction; settings of the drawing can change at any time."""

        @classmethod
        def get_config_class(cls) -> type[Any]:
            return FlowConfig

        def __init__(self, **settings: Any):
            super().__init__()
            self._settings = updated(FlowConfig().model_dump(), settings)
            self._choice = choose(self._settings["model"], backend=self._settings["backend"])
            # Frames arrive one at a time, so the first cannot show the motion to the second.
            estimator = FlowEstimator(
                self._choice.engine, size=int(self._settings["size"]), first="white"
            )
            self._stream = FlowStream(estimator)
            log.info("Flow: %s", self._choice.report())

        def prepare(self, **settings: Any) -> Any:
            # With more, Scope would sample the waiting frames and drop the others.
            return Requirements(input_size=1)

        def __call__(self, **call: Any) -> dict[str, Any]:
            """Turn `video`, a list of (1,H,W,3) 0..255, into `video` (T,H,W,3) 0..1.

            `init_cache` is true in the first call of a stream and when Scope restarts it.
            """
            if not call.get("video"):
                return {}
            now = updated(self._settings, call)
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
