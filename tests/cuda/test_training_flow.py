"""The training of flow on an NVIDIA GPU: its kernels, its speed-ups, pairs that are made ahead."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from kinograph.engines.datasets.flow_scenes import FlowScenes
from kinograph.engines.flow.raft import kernels
from kinograph.engines.flow.raft.correlation import Volume
from kinograph.engines.flow.raft.looking import Looking
from kinograph.engines.training.ahead import Ahead
from kinograph.engines.training.flow import SPEEDUPS, FlowTask
from kinograph.engines.training.run import Run
from kinograph.engines.training.settings import Settings

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

SIZE = (128, 160)
SETTINGS = Settings(steps=10**6, batch=2, lr=1e-3, warmup=0, schedule="none", ema=0.9)


@dataclass(frozen=True)
class Pairs:
    first: Tensor
    second: Tensor
    flow: Tensor


def noise(numbers: Tensor) -> Pairs:
    """Pairs of smooth noise, which follow from their numbers."""
    parts = []
    for number in numbers.tolist():
        random = torch.Generator().manual_seed(number)
        small = torch.rand(1, 8, SIZE[0] // 8, SIZE[1] // 8, generator=random).cuda()
        parts.append(torch.nn.functional.interpolate(small, size=SIZE, mode="bilinear"))
    large = torch.cat(parts)
    return Pairs(large[:, :3], large[:, 3:6], 16 * large[:, 6:] - 8)


def losses(speedup: str, amp: str, steps: int = 6) -> list[float]:
    told: list[str] = []
    task = FlowTask(
        noise, size=SIZE, updates=3, device="cuda", speedup=speedup, at_once=4, told=told.append
    )
    enabled = amp != "none"
    task.warm_up(2, lambda: torch.autocast("cuda", torch.bfloat16, enabled=enabled))
    assert told == []
    assert task.speedup == speedup
    run = Run(task, Settings(**{**SETTINGS.to_json(), "amp": amp}))
    return [run.advance()["loss"] for _ in range(steps)]


@pytest.mark.parametrize("amp", ["none", "bf16"])
@pytest.mark.parametrize("speedup", [name for name in SPEEDUPS if name != "none"])
def test_every_speedup_learns_as_without(speedup: str, amp: str) -> None:
    wanted, found = losses("none", amp), losses(speedup, amp)
    assert wanted[0] != wanted[-1]
    assert found == pytest.approx(wanted, rel=2e-2 if amp == "bf16" else 5e-3)
    assert found[0] == pytest.approx(wanted[0], rel=5e-3 if amp == "bf16" else 1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_look_up_and_its_gradient_are_those_of_torch(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = torch.Generator().manual_seed(0)
    one, two = (torch.randn(2, 16, 17, 20, generator=random).cuda().to(dtype) for _ in range(2))
    centres = (torch.randn(3, 2, 2, 17, 20, generator=random) * 12 + 8).cuda()
    weights = torch.randn(3, 2, 17, 20, 200, generator=random).cuda()

    def looked() -> tuple[Tensor, Tensor]:
        first = one.clone().requires_grad_()
        look = Looking(Volume(first, two), 3, 200)
        found = torch.stack([look(places) for places in centres])
        (found.float() * weights).sum().backward()
        assert first.grad is not None
        return found.detach().float(), first.grad.float()

    found = looked()
    monkeypatch.setattr(kernels, "usable", lambda values: False)
    for ours, theirs in zip(found, looked(), strict=True):
        most = float((ours - theirs).abs().max()) / float(theirs.abs().max())
        assert most < {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}[dtype]


def test_pairs_made_ahead_are_the_same() -> None:
    scenes = FlowScenes(
        size=(64, 96), seed=0, device=torch.device("cuda"), textures=4, shapes=4, side=64
    )

    def made(number: int) -> Any:
        return scenes(torch.arange(4 * number, 4 * number + 4))

    ahead = Ahead(made, lambda pairs: [pairs.first, pairs.second, pairs.flow], torch.device("cuda"))
    for number in range(6):
        pairs = ahead.at(number)
        ahead.expect(number + 1)
        torch.testing.assert_close(pairs.flow, made(number).flow)
        torch.testing.assert_close(pairs.first, made(number).first, rtol=0, atol=1e-3)
