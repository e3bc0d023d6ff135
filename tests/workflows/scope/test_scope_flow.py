"""The pipeline Flow for Daydream Scope, in a stand-in for Scope's side of the contract."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import InputError, ModelError
from kinograph.engines.models.registry import registry
from kinograph.engines.programs.flow_stream import FlowStream
from kinograph.engines.runtime.backends import names
from kinograph.engines.video.clip import Clip
from scope_stand_in import Node, Scope, entry_point_of, scope_with


@pytest.fixture(scope="module")
def scope(root: Path) -> Iterator[Scope]:
    with scope_with(entry_point_of(root)) as made:
        yield made


@pytest.fixture(scope="module")
def flow(scope: Scope) -> Node:
    return scope.load("kinograph-flow", model="dis", quantization=None)


@pytest.fixture(scope="module")
def video(clip: Clip) -> list[Tensor]:
    """As Scope gives it: (1,H,W,3) uint8 each."""
    return list((clip.frames[7:12, ::2, ::2] * 255).round().byte().split(1))


def drawn(video: list[Tensor], **options: Any) -> Tensor:
    """The maps of the whole at once, the first one white; [T,H,W,3] in 0..1."""
    maps = FlowStream().update(torch.cat(video).float() / 255, **options)
    maps[0] = 1.0
    return maps


def test_the_menus_offer_what_there_is(scope: Scope) -> None:
    config = scope.pipelines["kinograph-flow"].get_config_class()
    assert config is not None
    fields = config.model_json_schema()["properties"]
    menus = {name: field["enum"] for name, field in fields.items() if "enum" in field}
    assert menus["normalise"] == ["vace", "ema", "fixed"]
    assert menus["backend"] == ["auto", *names()]
    assert menus["model"][:2] == ["auto", "dis"]
    for name in menus["model"][2:]:
        assert registry()[name].task == "flow"
    for name, choices in menus.items():
        assert fields[name]["default"] in choices


@pytest.mark.parametrize("normalise", ["vace", "ema", "fixed"])
def test_a_stream(scope: Scope, flow: Node, video: list[Tensor], normalise: str) -> None:
    """One frame at a time: the one before carries over, and none is dropped."""
    out = scope.stream(flow, list(video), normalise=normalise)
    assert len(out) == len(video)
    wanted = (drawn(video, normalise=normalise) * 255).to(torch.uint8)
    assert bool((wanted[1:] < 128).any())
    difference = (torch.cat(out).int() - wanted.int()).abs()
    assert int(difference.max()) <= 1


def test_a_chunk_equals_the_stages(scope: Scope, flow: Node, video: list[Tensor]) -> None:
    wanted = drawn(video)
    for chunk in (video, [frame.float() for frame in video]):
        torch.testing.assert_close(scope.call(flow, chunk), wanted, rtol=0, atol=1e-6)


def test_a_new_stream_begins_anew(scope: Scope, flow: Node, video: list[Tensor]) -> None:
    first = scope.call(flow, video[:1], init_cache=True)
    assert bool((first == 1).all())
    second = scope.call(flow, video[1:2], init_cache=False)
    torch.testing.assert_close(second, drawn(video)[1:2], rtol=0, atol=1e-6)
    assert bool((scope.call(flow, video[2:3], init_cache=True) == 1).all())
    smaller = video[3][:, ::2, ::2]  # another source without a word
    assert bool((scope.call(flow, [smaller], init_cache=False) == 1).all())


def test_frames_of_several_sizes(scope: Scope, flow: Node, video: list[Tensor]) -> None:
    """As when the source is changed: all become like the first one."""
    smaller = video[1][:, ::2, ::2]
    assert scope.call(flow, [video[0], smaller]).shape == (2, 232, 416, 3)
    assert scope.call(flow, [smaller, video[0]]).shape == (2, 116, 208, 3)


def test_settings_are_live(scope: Scope, flow: Node, video: list[Tensor]) -> None:
    pair = video[:2]
    usual = scope.call(flow, pair)
    double = scope.call(flow, pair, flow_strength=2)
    torch.testing.assert_close(double, drawn(pair, strength=2.0), rtol=0, atol=1e-6)
    assert float(double.mean()) < float(usual.mean())
    assert bool((scope.call(flow, pair, flow_strength=0) == 1).all())
    fixed = scope.call(flow, pair, normalise="fixed")
    torch.testing.assert_close(fixed, drawn(pair, normalise="fixed"), rtol=0, atol=1e-6)
    assert not torch.equal(fixed, usual)
    floored = scope.call(flow, pair, noise_floor=3)
    assert int((floored == 1).sum()) > int((usual == 1).sum())
    torch.testing.assert_close(scope.call(flow, pair, normalise=None), usual, rtol=0, atol=0)


def test_settings_of_the_load_are_the_defaults(scope: Scope, video: list[Tensor]) -> None:
    node = scope.load("kinograph-flow", model="dis", flow_strength=0.0, size=100)
    assert bool((scope.call(node, video[:2]) == 1).all())
    small = scope.call(node, video[:2], flow_strength=1)
    assert not torch.allclose(small, drawn(video[:2]), atol=0.05)  # computed smaller
    assert small.shape == (2, 232, 416, 3)


def test_no_frames_is_idle(flow: Node) -> None:
    assert flow() == {}
    assert flow(video=[], init_cache=True) == {}
    assert flow(video=None) == {}


def test_what_cannot_be_used_is_an_error(scope: Scope, flow: Node, video: list[Tensor]) -> None:
    with pytest.raises(InputError, match=r"normalise: expected one of .*, found 'max'"):
        scope.call(flow, video[:2], normalise="max")
    with pytest.raises(InputError, match=r"strength: expected at least 0, found .* and -1"):
        scope.call(flow, video[:2], flow_strength=-1)
    with pytest.raises(ModelError, match=r"model: expected one of auto, dis.*, found 'spynet'"):
        scope.load("kinograph-flow", model="spynet")
    with pytest.raises(InputError, match=r"backend: expected auto, found 'torch': model dis"):
        scope.load("kinograph-flow", model="dis", backend="torch")


def test_shutdown_forgets_the_stream(scope: Scope, video: list[Tensor]) -> None:
    node = scope.load("kinograph-flow", model="dis")
    scope.call(node, video[:2])
    node.shutdown()
    assert bool((scope.call(node, video[2:3], init_cache=False) == 1).all())


def test_shutdown_frees_the_network(scope: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    class Engine:
        loaded = True

        def unload(self) -> None:
            self.loaded = False

    node: Any = scope.load("kinograph-flow", model="dis")
    engine = Engine()
    monkeypatch.setattr(node, "_choice", type("Choice", (), {"engine": engine}))
    node.shutdown()
    assert not engine.loaded


def test_the_log_says_what_runs(scope: Scope, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="kinograph"):
        scope.load("kinograph-flow", model="dis")
    assert re.search(r"Flow: runs on OpenCV's DIS, on the CPU", caplog.text)
