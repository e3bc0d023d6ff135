"""Benchmark of the training of the flow network: pairs per second, against torchvision's RAFT."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...engines.datasets.flow_scenes import FlowScenes
from ...engines.environment import describe_device
from ...engines.errors import InputError
from ...engines.flow.families.raft import torchvisions
from ...engines.runtime.devices import chosen_device
from ...engines.training.flow import FASTEST, GAMMA, SPEEDUPS, FlowTask
from ...engines.training.run import Run
from ...engines.training.settings import Settings
from .measure import at_least_one, bench_report, peak, reset_peak, taken

_LR = 1e-6  # so small that random frames cannot spoil the weights
_ALL = 10**9


def bench_train_flow(
    *,
    size: tuple[int, int] = (368, 496),
    batch: int = 16,
    updates: int = 10,
    amp: str = "auto",
    speedups: Sequence[str] = (),
    device: str = "auto",
    runs: int = 10,
    baseline: bool = True,
    scenes: bool = True,
) -> dict[str, Any]:
    """Measure steps per second of the training in all its speed-ups, and peak memory.

    size:     height and width of the pairs
    batch:    pairs per step
    amp:      none or bf16; auto: bf16 on a GPU
    speedups: of `SPEEDUPS`; none: all on a GPU, else only "none"
    baseline: also measure torchvision's raft_small, as it is, with the loss of its authors
    scenes:   also measure how quickly pairs are made, and the last speed-up with pairs that are
              made while it trains; else all train on the same noise

    A step is of the optimiser, with loss, gradients, clipping and, for ours, the averaged weights.
    Figures are medians over `runs`. `first_loss` is the loss of the first step, by which speed-ups
    can be compared, `ready_s` what compilers and the capture take.

    Raises `InputError` for values out of range.
    """
    at_least_one(batch=batch, updates=updates, runs=runs)
    where = chosen_device(device, [])
    gpu = where.type == "cuda"
    speedups = tuple(speedups) or (SPEEDUPS if gpu else ("none",))
    amp = ("bf16" if gpu else "none") if amp == "auto" else amp
    if amp not in ("none", "bf16"):
        raise InputError(f"amp: expected auto, none or bf16, found {amp[:40]!r}")
    torch.backends.cudnn.benchmark = True  # as the training does
    settings = Settings(steps=_ALL, batch=batch, lr=_LR, warmup=0, schedule="none", amp=amp)
    noise = Noise.made(batch, size, where)
    told: list[str] = []

    def task(speedup: str, make: Callable[[Tensor], Any], at_once: int) -> FlowTask:
        return FlowTask(
            make,
            size=size,
            updates=updates,
            device=where,
            at_once=at_once,
            speedup=speedup,
            told=told.append,
        )

    results: dict[str, Any] = {
        "size": [size[1], size[0]],
        "batch": batch,
        "updates": updates,
        "amp": amp,
        "runs": runs,
        "threads": torch.get_num_threads(),
        "device": describe_device(where),
    }
    ways: dict[str, Any] = {}
    if baseline:
        theirs = _Theirs(settings, updates, noise)
        ways["torchvision, eager"] = _measured(theirs.step, where, runs)
    for speedup in speedups:
        ours = task(speedup, lambda numbers: noise, batch)
        began = time.perf_counter()
        ours.warm_up(batch, lambda: _autocast(amp, where))
        ready = time.perf_counter() - began
        found = _measured(Run(ours, settings).advance, where, runs)
        ways[f"kinograph, {ours.speedup}"] = {**found, "ready_s": ready}
        del ours
    if scenes:
        pairs = FlowScenes(size=size, seed=0, device=where)
        at_once = 4 * batch if gpu else batch
        spent = taken(lambda: pairs(torch.arange(at_once)), where, runs)
        results["made_pairs_per_s"] = 1000 * at_once / spent
        ours = task(speedups[-1], pairs, at_once)
        ours.warm_up(batch, lambda: _autocast(amp, where))
        run = Run(ours, settings)
        steps = at_once // batch

        def several() -> dict[str, float]:
            for _ in range(steps - 1):
                run.advance()
            return run.advance()

        ways[f"kinograph, {ours.speedup}, with pairs made"] = _measured(several, where, runs, steps)
    results["ways"] = ways
    results["told"] = told
    return bench_report("train_flow", results)


def _measured(
    step: Callable[[], dict[str, float]], device: torch.device, runs: int, steps: int = 1
) -> dict[str, Any]:
    """Return what `step`, which does so many steps, takes."""
    reset_peak(device)
    first = step()["loss"]
    spent = taken(step, device, runs) / steps
    return {"steps_per_s": 1000 / spent, "first_loss": first, "gpu_bytes": peak(device)}


def _autocast(amp: str, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=amp != "none")


@dataclass(frozen=True)
class Noise:
    """Pairs of smooth noise and a motion of a few px, the same for every step."""

    first: Tensor
    second: Tensor
    flow: Tensor

    @classmethod
    def made(cls, count: int, size: tuple[int, int], device: torch.device) -> "Noise":
        random = torch.Generator().manual_seed(0)
        small = torch.rand(count, 8, size[0] // 8, size[1] // 8, generator=random).to(device)
        large = torch.nn.functional.interpolate(small, size=size, mode="bilinear")
        return cls(large[:, :3], large[:, 3:6], 16 * large[:, 6:] - 8)


class _Theirs:
    """torchvision's raft_small as its authors train it: a loss of absolute differences."""

    def __init__(self, settings: Settings, updates: int, pairs: Noise) -> None:
        torch.manual_seed(0)
        self._network = torchvisions(large=False).to(pairs.flow.device).train()
        self._optimiser = torch.optim.AdamW(self._network.parameters(), lr=settings.lr)
        self._settings, self._updates, self._pairs = settings, updates, pairs

    def step(self) -> dict[str, float]:
        pairs, device = self._pairs, self._pairs.flow.device
        self._optimiser.zero_grad(set_to_none=True)
        with _autocast(self._settings.amp, device):
            flows = self._network(
                pairs.first * 2 - 1, pairs.second * 2 - 1, num_flow_updates=self._updates
            )
        known = (pairs.flow.square().sum(1, keepdim=True) < FASTEST**2).float()
        parts = [
            GAMMA ** (len(flows) - 1 - i) * ((flow.float() - pairs.flow).abs() * known).mean()
            for i, flow in enumerate(flows)
        ]
        loss = torch.stack(parts).sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), self._settings.clip)
        self._optimiser.step()
        return {"loss": float(loss.detach())}
