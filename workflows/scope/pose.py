"""The pipeline "Pose" for Daydream Scope."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any, ClassVar

from ... import __version__
from .parts import backend_field, frames_of, given, menu

log = logging.getLogger("kinograph")


@cache
def pose_pipeline() -> type[Any]:
    """Return the preprocessor "Pose": frames become skeletons on black. Needs Scope."""
    from pydantic import Field
    from scope.core.pipelines.base_schema import (
        BasePipelineConfig,
        ModeDefaults,
        UsageType,
        ui_field_config,
    )
    from scope.core.pipelines.interface import Pipeline, Requirements

    from ...engines.models.registry import find, resolve
    from ...engines.pose.detect import detect_poses
    from ...engines.pose.family import OneStage, models_with
    from ...engines.programs.pose import nearest_size
    from ...engines.render.skeleton import draw_skeletons
    from ...engines.render.styles import STYLES
    from ...engines.runtime.engine import build_engine
    from ...engines.runtime.network import network_of

    models = [name for name in models_with(OneStage) if not find(name).terms]

    class PoseConfig(BasePipelineConfig):  # type: ignore[misc]
        """The pipeline's settings, as Scope shows them."""

        pipeline_id = "kinograph-pose"
        pipeline_name = "Pose"
        pipeline_description = (
            "Skeletons of the people in the video as a control video for VACE (Kinograph)."
        )
        pipeline_version = __version__
        supports_prompts = False
        usage: ClassVar[list[Any]] = [UsageType.PREPROCESSOR]
        modes: ClassVar[dict[str, Any]] = {"video": ModeDefaults(default=True)}

        style: str = Field(
            default="vace",
            description="How skeletons are drawn. vace: as by VACE's own annotator.",
            json_schema_extra=menu(STYLES, ui_field_config(order=1, label="Style")),
        )
        line_width: float = Field(
            default=0.0,
            ge=0.0,
            le=40.0,
            description="Thickness of limbs in pixels. 0: that of the style.",
            json_schema_extra=ui_field_config(order=2, label="Line Width"),
        )
        score_threshold: float = Field(
            default=0.2,
            ge=0.0,
            le=1.0,
            description="People below this confidence are dropped.",
            json_schema_extra=ui_field_config(order=3, label="Person Threshold"),
        )
        keypoint_threshold: float = Field(
            default=0.3,
            ge=0.0,
            le=1.0,
            description="Joints below this confidence are not drawn.",
            json_schema_extra=ui_field_config(order=4, label="Keypoint Threshold"),
        )
        max_people: int = Field(
            default=6,
            ge=1,
            le=20,
            description="People per frame at most, the surest first. MoveNet finds at most 6.",
            json_schema_extra=ui_field_config(order=5, label="People"),
        )
        detect_resolution: int = Field(
            default=640,
            ge=128,
            le=1280,
            description="Longer side of the network's input in pixels; the nearest one that the "
            "network takes is used. A larger one finds smaller people and is slower.",
            json_schema_extra=ui_field_config(
                order=6, label="Detection Resolution", is_load_param=True
            ),
        )
        model: str = Field(
            default="movenet_multipose",
            description="The pose network. movenet_multipose comes with Kinograph, the others are "
            "fetched once from the Hugging Face Hub.",
            json_schema_extra=menu(
                models, ui_field_config(order=7, label="Model", is_load_param=True)
            ),
        )
        backend: str = backend_field(order=8)

    class PosePipeline(Pipeline):  # type: ignore[misc]
        """Load the engine once; thresholds and settings of the drawing can change at any time."""

        @classmethod
        def get_config_class(cls) -> type[Any]:
            return PoseConfig

        def __init__(self, **settings: Any):
            super().__init__()
            self._settings = given(PoseConfig().model_dump(), settings)
            model = resolve(self._settings["model"])
            network = network_of(model)
            self._engine = build_engine(model, network, backend=self._settings["backend"])
            self._size = nearest_size(network, int(self._settings["detect_resolution"]))
            log.info("Pose, detection size %d: %s", self._size, self._engine.report())

        def prepare(self, **settings: Any) -> Any:
            # For more than one frame, Scope would sample the waiting frames and drop the others.
            return Requirements(input_size=1)

        def __call__(self, **call: Any) -> dict[str, Any]:
            """Turn `video`, a list of (1,H,W,3) in 0..255, into `video` (T,H,W,3) in 0..1."""
            if not call.get("video"):
                return {}
            now = given(self._settings, call)
            poses = detect_poses(
                frames_of(call["video"], self._engine.device),
                self._engine,
                size=self._size,
                score_threshold=float(now["score_threshold"]),
                keypoint_threshold=float(now["keypoint_threshold"]),
                max_people=int(now["max_people"]),
            )
            image, _ = draw_skeletons(
                poses, style=now["style"], line_width=float(now["line_width"])
            )
            return {"video": image}

        def shutdown(self) -> None:
            self._engine.unload()

    return PosePipeline
