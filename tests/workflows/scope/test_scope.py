"""The plugin for Daydream Scope and its pipeline Pose, in a stand-in for Scope's side."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import EngineError, InputError
from kinograph.engines.models.registry import Model, find, resolve
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.pose.family import OneStage, head_of
from kinograph.engines.render.skeleton import draw_skeletons
from kinograph.engines.render.styles import STYLES
from kinograph.engines.runtime.backends import names
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of
from kinograph.engines.video.clip import Clip
from kinograph.workflows import scope as plugin
from scope_stand_in import BasePipelineConfig, Node, Scope, UsageType, entry_point_of, scope_with


@pytest.fixture(scope="module")
def entry_point(root: Path) -> EntryPoint:
    return entry_point_of(root)


@pytest.fixture(scope="module")
def scope(entry_point: EntryPoint) -> Iterator[Scope]:
    with scope_with(entry_point) as made:
        yield made


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
    assert list(scope.pipelines) == ["kinograph-pose", "kinograph-flow"]
    assert scope.tracked == list(scope.pipelines.values())


@pytest.mark.parametrize(
    ("name", "title", "live"),
    [
        (
            "kinograph-pose",
            "Pose",
            {"style", "line_width", "score_threshold", "keypoint_threshold", "max_people"},
        ),
        ("kinograph-flow", "Flow", {"normalise", "flow_strength", "noise_floor"}),
    ],
)
def test_how_they_appear(scope: Scope, name: str, title: str, live: set[str]) -> None:
    config = scope.pipelines[name].get_config_class()
    assert config is not None
    assert config.pipeline_name == title
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
    assert {name for name, ui in shown.items() if not ui["is_load_param"]} == live


def test_the_menus_offer_what_there_is(scope: Scope) -> None:
    config = scope.pipelines["kinograph-pose"].get_config_class()
    assert config is not None
    fields = config.model_json_schema()["properties"]
    menus = {name: field["enum"] for name, field in fields.items() if "enum" in field}
    assert menus["style"] == list(STYLES)
    assert menus["backend"] == ["auto", *names()]
    assert menus["model"][:2] == ["movenet_multipose", "rtmo_t"]
    for name, choices in menus.items():
        assert fields[name]["default"] in choices
    for name in menus["model"]:
        model = Model.of_file(find(name), Path())
        assert isinstance(head_of(model), OneStage)
        assert not model.entry.terms


def test_a_stream(scope: Scope, pose: Node, video: list[Tensor], reference: Engine) -> None:
    out = scope.stream(pose, list(video))
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
