"""Scope's side of the plugin contract: what its manager and its processor do, and no more."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pluggy
import pydantic
import pytest
import torch
from torch import Tensor

from kinograph.workflows.scope import flow as scope_flow
from kinograph.workflows.scope import pose as scope_pose

# Scope's side, as in daydreamlive/scope 0.2.4: scope.core.pipelines.{base_schema,interface}.


class UsageType(str, Enum):
    PREPROCESSOR = "preprocessor"
    POSTPROCESSOR = "postprocessor"


class ModeDefaults(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    default: bool = False
    height: int | None = None
    width: int | None = None
    input_size: int | None = None


class BasePipelineConfig(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    pipeline_id: ClassVar[str] = "base"
    pipeline_name: ClassVar[str] = "Base Pipeline"
    pipeline_description: ClassVar[str] = ""
    pipeline_version: ClassVar[str] = "1.0.0"
    usage: ClassVar[list[UsageType]] = []
    inputs: ClassVar[list[str]] = ["video"]
    outputs: ClassVar[list[str]] = ["video"]
    modes: ClassVar[dict[str, ModeDefaults]] = {"text": ModeDefaults(default=True)}
    supports_prompts: ClassVar[bool] = True
    height: int = pydantic.Field(default=512, ge=1)
    width: int = pydantic.Field(default=512, ge=1)
    manage_cache: bool = True
    base_seed: int = 42
    denoising_steps: list[int] | None = None
    noise_scale: float | None = None
    input_size: int | None = pydantic.Field(default=1, ge=1)
    ref_images: list[str] | None = None
    vace_context_scale: float = 1.0


def ui_field_config(
    *,
    order: int | None = None,
    component: str | None = None,
    modes: list[str] | None = None,
    is_load_param: bool = False,
    label: str | None = None,
    category: str | None = None,
) -> dict[str, Any]:
    return {"ui": {"order": order, "label": label, "is_load_param": is_load_param}}


class Requirements(pydantic.BaseModel):
    input_size: int


class Node:
    def __init__(self, node_id: str = "", config: dict[str, Any] | None = None):
        self.node_id = node_id
        self.config = config or {}

    @classmethod
    def get_config_class(cls) -> type[BasePipelineConfig] | None:
        return None

    def prepare(self, **kwargs: Any) -> Requirements | None:
        return None

    def __call__(self, **kwargs: Any) -> dict[str, Any]:
        raise NotImplementedError

    def shutdown(self) -> None: ...


class HookSpec:
    @pluggy.HookspecMarker("scope")
    def register_pipelines(self, register: Callable[[type[Node]], None]) -> None: ...

    @pluggy.HookspecMarker("scope")
    def register_nodes(self, register: Callable[[type[Node]], None]) -> None: ...


class Scope:
    """Does with a plugin what Scope's manager and processor do, and no more."""

    def __init__(self, entry_point: EntryPoint):
        self.pipelines: dict[str, type[Node]] = {}
        self.manager = pluggy.PluginManager("scope")
        self.manager.add_hookspecs(HookSpec)
        module = entry_point.load()
        self.manager.register(module)
        self.manager.hook.register_nodes(register=self.register)
        self.manager.hook.register_pipelines(register=self.register)
        self.tracked: list[type[Node]] = []
        module.register_pipelines(self.tracked.append)  # a second time, by position

    def register(self, pipeline: type[Node]) -> None:
        config = pipeline.get_config_class()
        assert config is not None
        assert config.pipeline_id not in self.pipelines
        self.pipelines[config.pipeline_id] = pipeline

    def load(self, pipeline_id: str, **load_params: Any) -> Node:
        pipeline = self.pipelines[pipeline_id]
        config = pipeline.get_config_class()
        assert config is not None
        fields = config.model_fields.items()
        defaults = {name: f.default for name, f in fields if f.default is not None}
        return pipeline(**{**defaults, **load_params})

    @staticmethod
    def stream(node: Node, queue: list[Tensor], **parameters: Any) -> list[Tensor]:
        """Process a whole new stream; return the output frames, uint8 (1,H,W,3) each."""
        out: list[Tensor] = []
        while queue:
            out += Scope.tick(node, queue, init_cache=not out, **parameters)
        return out

    @staticmethod
    def tick(
        node: Node, queue: list[Tensor], *, init_cache: bool, **parameters: Any
    ) -> list[Tensor]:
        """Feed the plugin from the queue as `prepare` asks; return frames, uint8 (1,H,W,3) each."""
        required = node.prepare(**parameters, video=True)
        assert required is not None
        count = required.input_size
        step = len(queue) / count
        chunk = [queue[round(i * step)] for i in range(count)]
        del queue[: round((count - 1) * step) + 1]
        video = Scope.call(node, chunk, init_cache=init_cache, **parameters)
        pixels = (video * 255.0).clamp(0, 255).to(torch.uint8)
        return [pixels[i].unsqueeze(0) for i in range(len(pixels))]

    @staticmethod
    def call(
        node: Node, chunk: list[Tensor], *, init_cache: bool = True, **parameters: Any
    ) -> Tensor:
        """Return the pipeline's output for a chunk, (T,H,W,3) in 0..1.

        init_cache: true in the first call of a stream and where Scope's cache is reset
        """
        common = {"prompts": [{"text": "a dancer", "weight": 100}], "input_mode": "video"}
        streams = {"video": chunk, "video_timestamps": [object()] * len(chunk)}
        video = node(**{**common, **parameters, "init_cache": init_cache, **streams})["video"]
        assert isinstance(video, Tensor)
        assert video.dtype == torch.float32
        assert video.shape[0] == len(chunk)
        assert video.shape[3] == 3
        assert 0 <= float(video.min()) <= float(video.max()) <= 1
        return video


def entry_point_of(root: Path) -> EntryPoint:
    """Return the only entry point of the group; Scope rejects packages with several."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    (group,) = re.findall(r'^\[project\.entry-points\."?scope"?\].*\n((?:\w.*\n)*)', text, re.M)
    ((name, value),) = re.findall(r'^(\w+) = "(.+)"$', group, re.M)
    return EntryPoint(name, value, "scope")


@contextmanager
def scope_with(entry_point: EntryPoint) -> Iterator[Scope]:
    """Return Scope with the plugin while the stand-in can be imported."""
    parts = {
        "scope": {},
        "scope.core": {},
        "scope.core.pipelines": {},
        "scope.core.pipelines.base_schema": {
            "BasePipelineConfig": BasePipelineConfig,
            "ModeDefaults": ModeDefaults,
            "UsageType": UsageType,
            "ui_field_config": ui_field_config,
        },
        "scope.core.pipelines.interface": {"Pipeline": Node, "Requirements": Requirements},
    }
    pipelines = (scope_pose.pose_pipeline, scope_flow.flow_pipeline)
    with pytest.MonkeyPatch.context() as patch:
        for name, contents in parts.items():
            stand_in = ModuleType(name)
            vars(stand_in).update(contents)
            patch.setitem(sys.modules, name, stand_in)
        for pipeline in pipelines:
            pipeline.cache_clear()
        yield Scope(entry_point)
        for pipeline in pipelines:
            pipeline.cache_clear()
