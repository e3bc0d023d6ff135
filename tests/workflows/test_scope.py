"""The plugin for Daydream Scope, in a stand-in for Scope's side of the contract."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
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

from kinograph.engines.errors import EngineError, InputError
from kinograph.engines.families import network_of, pose_family
from kinograph.engines.models.registry import Model, find, resolve
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.pose.family import OneStage
from kinograph.engines.render.skeleton import draw_skeletons
from kinograph.engines.render.styles import STYLES
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.ladder import BACKENDS
from kinograph.engines.video.clip import Clip
from kinograph.workflows import scope as plugin

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
    """What Scope's manager and processor do with a plugin, no more."""

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
    def tick(node: Node, queue: list[Tensor], **parameters: Any) -> list[Tensor]:
        """Give what `prepare` asks for from the queue; what comes out, uint8 (1,H,W,3) each."""
        required = node.prepare(**parameters, video=True)
        assert required is not None
        count = required.input_size
        step = len(queue) / count
        chunk = [queue[round(i * step)] for i in range(count)]
        del queue[: round((count - 1) * step) + 1]
        video = Scope.call(node, chunk, **parameters)
        pixels = (video * 255.0).clamp(0, 255).to(torch.uint8)
        return [pixels[i].unsqueeze(0) for i in range(len(pixels))]

    @staticmethod
    def call(node: Node, chunk: list[Tensor], **parameters: Any) -> Tensor:
        """What the pipeline makes of a chunk, (T,H,W,3) in 0..1."""
        common = {"prompts": [{"text": "a dancer", "weight": 100}], "input_mode": "video"}
        streams = {"video": chunk, "video_timestamps": [object()] * len(chunk)}
        video = node(**{**common, **parameters, "init_cache": True, **streams})["video"]
        assert isinstance(video, Tensor)
        assert video.dtype == torch.float32
        assert video.shape[0] == len(chunk)
        assert video.shape[3] == 3
        assert 0 <= float(video.min()) <= float(video.max()) <= 1
        return video


@pytest.fixture(scope="module")
def entry_point(root: Path) -> EntryPoint:
    """The one entry point of the group; Scope refuses packages with more."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    (group,) = re.findall(r'^\[project\.entry-points\."?scope"?\].*\n((?:\w.*\n)*)', text, re.M)
    ((name, value),) = re.findall(r'^(\w+) = "(.+)"$', group, re.M)
    return EntryPoint(name, value, "scope")


@pytest.fixture(scope="module")
def scope(entry_point: EntryPoint) -> Iterator[Scope]:
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
    with pytest.MonkeyPatch.context() as patch:
        for name, contents in parts.items():
            stand_in = ModuleType(name)
            vars(stand_in).update(contents)
            patch.setitem(sys.modules, name, stand_in)
        plugin.pose_pipeline.cache_clear()
        yield Scope(entry_point)
        plugin.pose_pipeline.cache_clear()


@pytest.fixture(scope="module")
def pose(scope: Scope) -> Node:
    return scope.load("kinograph-pose", backend="torch", detect_resolution=450, quantization=None)


@pytest.fixture(scope="module")
def reference() -> Engine:
    """Where `pose` runs, for the stages one by one."""
    model = resolve("movenet_multipose")
    return build_engine(model, network_of(model), backend="torch")


@pytest.fixture(scope="module")
def video(clip: Clip) -> list[Tensor]:
    """As Scope gives it: (1,H,W,3) uint8 each."""
    return list((clip.frames[7:12] * 255).round().byte().split(1))


def drawn(video: list[Tensor], engine: Engine, **options: Any) -> Tensor:
    frames = torch.cat(video).to(engine.device).float() / 255
    return draw_skeletons(detect_poses(frames, engine, size=448), style="vace", **options)[0]


# without Scope, without what Scope brings, and with it
@pytest.mark.parametrize("absent", ["pluggy", "pydantic", "scope"])
def test_importing_is_light_and_needs_no_scope(absent: str, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.modules[{absent!r}] = None\n"
        "import kinograph, kinograph.workflows.scope as plugin\n"
        "assert callable(plugin.register_pipelines)\n"
        "assert getattr(kinograph, '__scope_kind__', None) is None\n"  # Scope looks for it
        "heavy = {'torch', 'numpy', 'av', 'PIL', 'yaml', 'pydantic', 'scope'}\n"
        "print(sorted(name for name in heavy if sys.modules.get(name)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_entry_point(entry_point: EntryPoint) -> None:
    assert entry_point.value == "kinograph.workflows.scope"
    assert entry_point.load() is plugin


def test_the_pipelines_are_registered_whenever_scope_asks(scope: Scope) -> None:
    assert list(scope.pipelines) == ["kinograph-pose"]
    assert scope.tracked == list(scope.pipelines.values())


def test_how_it_appears(scope: Scope) -> None:
    config = scope.pipelines["kinograph-pose"].get_config_class()
    assert config is not None
    assert config.pipeline_name == "Pose"
    assert config.usage == [UsageType.PREPROCESSOR]
    assert [(name, mode.default) for name, mode in config.modes.items()] == [("video", True)]
    assert config.supports_prompts is False
    assert (config.inputs, config.outputs) == (["video"], ["video"])
    config()  # Scope reads its defaults from one
    shown = {
        name: field["ui"]
        for name, field in config.model_json_schema()["properties"].items()
        if "ui" in field
    }
    assert [ui["order"] for ui in shown.values()] == list(range(1, len(shown) + 1))
    assert all(ui["label"] for ui in shown.values())
    assert set(shown) == set(config.model_fields) - set(BasePipelineConfig.model_fields)
    at_load = {name for name, ui in shown.items() if ui["is_load_param"]}
    assert at_load == {"detect_resolution", "model", "backend"}


def test_the_menus_offer_what_there_is(scope: Scope) -> None:
    config = scope.pipelines["kinograph-pose"].get_config_class()
    assert config is not None
    fields = config.model_json_schema()["properties"]
    menus = {name: field["enum"] for name, field in fields.items() if "enum" in field}
    assert menus["style"] == list(STYLES)
    assert menus["backend"] == ["auto", *BACKENDS]
    assert menus["model"][:2] == ["movenet_multipose", "rtmo_t"]
    for name, choices in menus.items():
        assert fields[name]["default"] in choices
    for name in menus["model"]:
        model = Model(find(name), Path())
        assert isinstance(pose_family(model), OneStage)
        assert not model.entry.terms


def test_a_stream(scope: Scope, pose: Node, video: list[Tensor], reference: Engine) -> None:
    queue = list(video)
    out = []
    while queue:
        out += scope.tick(pose, queue)
    assert len(out) == len(video)  # no frame is dropped
    wanted = (drawn(video, reference) * 255).to(torch.uint8)
    assert bool(wanted.any())
    difference = (torch.cat(out).int() - wanted.int()).abs()
    assert int(difference.max()) <= 3  # one at a time instead of five


def test_a_chunk_equals_the_stages(
    scope: Scope, pose: Node, video: list[Tensor], reference: Engine
) -> None:
    wanted = drawn(video, reference)
    for chunk in (video, [frame.float() for frame in video]):
        torch.testing.assert_close(scope.call(pose, chunk), wanted, rtol=0, atol=0)


def test_frames_of_several_sizes(scope: Scope, pose: Node, video: list[Tensor]) -> None:
    """As when the source is changed: all become like the first one."""
    smaller = video[1][:, ::2, ::2]
    assert scope.call(pose, [video[0], smaller]).shape == (2, 464, 832, 3)
    assert scope.call(pose, [smaller, video[0]]).shape == (2, 232, 416, 3)


def test_settings_are_live(
    scope: Scope, pose: Node, video: list[Tensor], reference: Engine
) -> None:
    first = scope.call(pose, video[:1])
    thick = scope.call(pose, video[:1], line_width=20)
    torch.testing.assert_close(thick, drawn(video[:1], reference, line_width=20.0), rtol=0, atol=0)
    assert int((thick > 0).sum()) > int((first > 0).sum())
    assert not torch.equal(scope.call(pose, video[:1], style="openpose"), first)
    assert not scope.call(pose, video[:1], keypoint_threshold=1.0).any()
    assert not scope.call(pose, video[:1], score_threshold=1).any()
    one = scope.call(pose, video[-1:], max_people=1)
    assert int((one > 0).sum()) < int((scope.call(pose, video[-1:]) > 0).sum())
    torch.testing.assert_close(scope.call(pose, video[:1], style=None), first, rtol=0, atol=0)


def test_settings_of_the_load_are_the_defaults(scope: Scope, video: list[Tensor]) -> None:
    node = scope.load("kinograph-pose", backend="torch", score_threshold=1.0)
    assert not scope.call(node, video[:1]).any()
    assert scope.call(node, video[:1], score_threshold=0.2).any()


def test_no_frames_is_idle(pose: Node) -> None:
    assert pose() == {}
    assert pose(video=[], init_cache=True) == {}
    assert pose(video=None) == {}


def test_what_cannot_be_used_is_an_error(scope: Scope, pose: Node, video: list[Tensor]) -> None:
    with pytest.raises(InputError, match=r"style: expected one of .*, found 'bones'"):
        scope.call(pose, video[:1], style="bones")
    with pytest.raises(InputError, match=r"keypoint_threshold: expected 0..1, found 1.5"):
        scope.call(pose, video[:1], keypoint_threshold=1.5)
    with pytest.raises(EngineError, match=r"backend: expected auto or .*, found 'cuda'"):
        scope.load("kinograph-pose", backend="cuda")


def test_shutdown_frees_the_network(scope: Scope, video: list[Tensor]) -> None:
    node: Any = scope.load("kinograph-pose", backend="torch")
    assert node._engine.loaded
    node.shutdown()
    assert not node._engine.loaded
    scope.call(node, video[:1])  # and it comes back


def test_the_log_says_what_runs(scope: Scope, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="kinograph"):
        scope.load("kinograph-pose", backend="torch", detect_resolution=300)
    assert re.search(r"Pose, detection size 288: .*\nruns on torch in \w+ on", caplog.text)
