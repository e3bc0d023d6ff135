"""The model of OPTICAL_FLOW, called as ComfyUI's VOIDWarpedNoise calls torchvision's RAFT."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import InputError
from kinograph.engines.flow.estimate import estimate_flow
from kinograph.engines.flow.pair_model import PairFlow
from kinograph.engines.runtime.engine import build_engine
from kinograph.engines.runtime.network import network_of
from kinograph.nodes.api import host
from kinograph.nodes.flow.optical_flow_model import FlowEngineToOpticalFlowModel
from raft_models import random_raft

HIGH, WIDE = 96, 160


def pair(right: int) -> tuple[Tensor, Tensor]:
    """Two pictures [1,3,H,W] in -1..1 of a texture that moves to the right by some px."""
    coarse = torch.rand(1, 3, 16, 32, generator=torch.Generator().manual_seed(0))
    world = torch.nn.functional.interpolate(coarse, scale_factor=8, mode="bicubic").clamp(0, 1)
    one, two = (world[:, :, 16 : 16 + HIGH, 40 - x : 40 - x + WIDE] for x in (0, right))
    return one * 2 - 1, two * 2 - 1


def moved(noise: Tensor, flow: Tensor) -> Tensor:
    """Noise [H,W] put where the flow [2,H,W] leads, as ComfyUI 0.33's void_noise_warp.py scatters
    it: to whole px, what leaves the picture is dropped."""
    x = torch.arange(WIDE) + flow[0].round().long()
    y = torch.arange(HIGH)[:, None] + flow[1].round().long()
    there = (x >= 0) & (x < WIDE) & (y >= 0) & (y < HIGH)
    out = torch.zeros_like(noise)
    out[y[there], x[there]] = noise[there]
    return out


def test_eight_px_to_the_right_move_noise_by_eight() -> None:
    flows = PairFlow()(*pair(8))
    assert isinstance(flows, list)  # of refinements, of which the last is read
    flow = flows[-1]
    assert flow.shape == (1, 2, HIGH, WIDE)
    noise = torch.randn(HIGH, WIDE, generator=torch.Generator().manual_seed(1))
    found, wanted = moved(noise, flow[0]), noise.roll(8, 1)
    inner = (slice(16, -16), slice(24, -24))
    assert (found[inner] == wanted[inner]).float().mean() > 0.97


def test_an_engine_gives_what_estimate_flow_gives(tmp_path: Path) -> None:
    model = random_raft(tmp_path)
    called = []
    for options in ({}, {"both": True}, {"warm": True}):
        chosen = model.with_options(**options)
        engine = build_engine(chosen, network_of(chosen), backend="torch", device="cpu")
        module = PairFlow(engine, before=lambda: called.append(1))
        one, two = pair(3)
        frames = torch.cat([one, two]).movedim(1, -1) / 2 + 0.5
        wanted = estimate_flow(frames, engine, across_cuts=True).forward
        torch.testing.assert_close(module(one, two)[-1], wanted, rtol=0, atol=1e-5)
    assert len(called) == 3
    assert not list(module.parameters())  # ComfyUI may move the module as it likes


def test_pairs_of_a_batch_do_not_mix() -> None:
    (one, two), (three, four) = pair(8), pair(2)
    module = PairFlow(preset="ultrafast")
    both = module(torch.cat([one, three]), torch.cat([two, four]))[-1]
    assert torch.equal(both, torch.cat([module(one, two)[-1], module(three, four)[-1]]))
    # two pictures that have nothing in common are no cut here
    assert module(one, -three.flip(-1))[-1].abs().max() > 0


@pytest.mark.parametrize(
    ("one", "two"), [((1, 3, 32, 32), (1, 3, 32, 40)), ((1, 4, 32, 32),) * 2, ((3, 32, 32),) * 2]
)
def test_other_shapes_are_refused(one: tuple[int, ...], two: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expected two pictures \[B,3,H,W\] of one size, found"):
        PairFlow()(torch.zeros(one), torch.zeros(two))


def test_headless_runs_refuse_it() -> None:
    with pytest.raises(InputError, match="run the graph in ComfyUI, or on a server with"):
        FlowEngineToOpticalFlowModel.execute(size=0, dis_preset="medium")


def test_an_engine_of_poses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from kinograph.engines.models.registry import resolve

    model = resolve("movenet_multipose")
    engine = build_engine(model, network_of(model), backend="torch", device="cpu")
    monkeypatch.setattr(host, "core_model", lambda module: module)
    with pytest.raises(InputError, match="does not estimate flow; choose a model in Load Flow"):
        FlowEngineToOpticalFlowModel.execute(size=0, dis_preset="medium", engine=engine)
