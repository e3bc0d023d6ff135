"""What the loop needs to know about RAFT small and pairs of frames with known motion."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..flow.families.raft import STRIDE, torchvisions, with_weights
from ..flow.raft.encoder import InstanceNorm
from ..flow.raft.unrolled import Unrolled, upsampled
from ..runtime.warned import warned_by_others
from ..words import enumerated
from .ahead import Ahead
from .captured import Captured
from .task import Judged

NETWORK = "raft_small"
GAMMA = 0.8  # weight of an update in that of the next one (section 3.3 of the paper)
SMOOTH = 0.01  # px, below which the loss is quadratic: steps of constant size would not settle
FASTEST = 400.0  # px; faster pixels do not count, as in the paper's own training
LEAST = 64  # px a side: fewer cells than a look-up sees teach nothing of larger pictures
# Ways to train faster, and what is tried where one fails.
_LESS = {
    "none": (),
    "compile": ("none",),
    "graph": ("none",),
    "both": ("graph", "compile", "none"),
}
SPEEDUPS = tuple(_LESS)

_CHANGING = ("network.size", "updates")  # what may differ in a run that goes on


class Pairs(Protocol):
    """N pairs of frames.

    first, second: [N,3,H,W] in 0..1
    flow:          [N,2,H,W] x, y px from the first to the second
    """

    @property
    def first(self) -> Tensor: ...

    @property
    def second(self) -> Tensor: ...

    @property
    def flow(self) -> Tensor: ...


Scenes = Callable[[Tensor], Pairs]
"""Makes the pairs of numbers [N] int64 on the CPU; a pair depends on its number alone."""


@dataclass(frozen=True)
class FlowBatch:
    """Pairs [B,3,H,W] in 0..1 and their motion [B,2,H,W] px."""

    first: Tensor
    second: Tensor
    flow: Tensor


class FlowTask:
    """RAFT small that learns from pairs without end.

    module: torchvision's raft_small, with random weights as torchvision begins, or given ones
    """

    count = 0

    def __init__(
        self,
        scenes: Scenes,
        *,
        size: tuple[int, int],
        updates: int = 10,
        device: torch.device | str = "cpu",
        seed: int = 0,
        weights: Path | None = None,
        at_once: int = 1,
        speedup: str = "none",
        about: Mapping[str, Any] | None = None,
        told: Callable[[str], None] | None = None,
    ) -> None:
        """Make a new network on `device`.

        scenes:  makes the pairs, on `device`
        size:    height and width of the pairs, px
        updates: of the flow, each of which is judged
        seed:    of the network's first weights
        weights: a .pth or .safetensors file of raft_small to begin with instead
        at_once: pairs that are made together, from a multiple of this number on. It changes the
                 last bits of pairs only
        speedup: none; compile: the parts by `torch.compile`; graph: each step from a CUDA graph;
                 both
        about:   what the pairs are, as plain values for checkpoints
        told:    is told what was not possible and what is done instead

        Raises `InputError` for values out of range, and for a speed-up without a GPU that needs
        one; `ModelError` for a file that cannot be read and for weights of another network.
        """
        check_size(size)
        if not 1 <= updates <= 64:
            raise InputError(f"updates: expected 1..64, found {updates}")
        if at_once < 1:
            raise InputError(f"at_once: expected at least 1 pair, found {at_once}")
        if speedup not in SPEEDUPS:
            raise InputError(
                f"speedup: expected one of {', '.join(SPEEDUPS)}, found {speedup[:40]!r}"
            )
        self._device = torch.device(device)
        if speedup != "none" and self._device.type != "cuda":
            raise InputError(
                f"speedup: expected none on {self._device}, as {speedup} is for NVIDIA GPUs; "
                "choose none, or train on a GPU"
            )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self._module = (
                torchvisions(large=False) if weights is None else with_weights(weights, large=False)
            )
        self._module.to(self._device)
        if self._device.type == "cuda":
            self._module.to(memory_format=torch.channels_last)
        self._scenes = scenes
        self._size = size
        self._updates = updates
        self._at_once = at_once
        self._about = dict(about or {})
        self._told = told or (lambda text: None)
        self._ahead = Ahead(self._made, _tensors, self._device)
        self._captured: Captured | None = None
        self._prepare(speedup)

    @property
    def module(self) -> nn.Module:
        """The network."""
        return self._module

    @property
    def speedup(self) -> str:
        """Which one is used."""
        return self._speedup

    @property
    def config(self) -> Mapping[str, Any]:
        """The network, how it is judged, and on what."""
        return {
            "network": {"name": NETWORK, "size": list(self._size)},
            "gamma": GAMMA,
            "data": self._about,
            "updates": self._updates,
        }

    def check_goes_on(self, config: Mapping[str, Any], source: str) -> list[str]:
        """Return what changes for a run that goes on from a checkpoint with this config, in words.

        Raises `InputError` for a checkpoint of another network, other data or another loss.
        """
        ours, theirs = (_flat(values) for values in (self.config, config))
        names = [
            name for name in dict.fromkeys([*ours, *theirs]) if ours.get(name) != theirs.get(name)
        ]
        other = [f"{n} {theirs.get(n)} (now {ours.get(n)})" for n in names if n not in _CHANGING]
        if other:
            raise InputError(
                f"{source}: was trained with {', '.join(other)}; go on with what it was trained "
                "with, or choose a new folder"
            )
        return [f"{name} {theirs[name]} -> {ours[name]}" for name in names]

    def expect(self, examples: Tensor) -> None:
        """Be told the pairs of the next step, which are made meanwhile."""
        self._ahead.expect(int(examples[-1]) // self._at_once)

    def batch(self, examples: Tensor) -> FlowBatch:
        """Return the pairs of numbers [N] int64 that follow each other."""
        first, last = int(examples[0]), int(examples[-1])
        parts = []
        for number in range(first // self._at_once, last // self._at_once + 1):
            begin = number * self._at_once
            pairs = self._ahead.at(number)
            rows = slice(max(first - begin, 0), last + 1 - begin)
            parts.append((pairs.first[rows], pairs.second[rows], pairs.flow[rows]))
        one, two, flow = (torch.cat(values) for values in zip(*parts, strict=True))
        return FlowBatch(one, two, flow)

    def weight(self, batch: FlowBatch) -> int:
        """Return the number of pairs."""
        return len(batch.flow)

    def judge(self, batch: FlowBatch, weight: float) -> Judged:
        """Return the loss of a batch, its pairs counting one `weight`-th.

        From a CUDA graph, the gradients are in the weights already.
        """
        inputs = (batch.first, batch.second, batch.flow)
        part = len(batch.flow) / weight
        if "graph" in self._ways:
            if part != 1:
                raise InputError("accumulate: expected 1 batch per step with a CUDA graph")
            if self._captured is None:
                self._capture(inputs)
        found = (self._captured or self._judged)(*inputs)
        return Judged(found["loss"] * part, {"epe": found["epe"].detach() * part})

    def _made(self, number: int) -> Pairs:
        begin = number * self._at_once
        return self._scenes(torch.arange(begin, begin + self._at_once))

    def _prepare(self, speedup: str) -> None:
        self._speedup = speedup
        self._ways = {"both": ("compile", "graph"), "none": ()}.get(speedup, (speedup,))
        compiled = partial(torch.compile, dynamic=False) if "compile" in self._ways else None
        if compiled is not None:
            _with_norms_of_ours(self._module)
        self._unrolled = Unrolled(self._module, compiled)
        self._loss = sequence_loss if compiled is None else compiled(sequence_loss)

    def _judged(self, first: Tensor, second: Tensor, flow: Tensor) -> dict[str, Tensor]:
        flows = self._unrolled(first, second, self._updates)
        with torch.autocast(flow.device.type, enabled=False):
            loss, epe = self._loss(flows, flow)
        return {"loss": loss, "epe": epe}

    def _capture(self, inputs: tuple[Tensor, ...]) -> None:
        weights = [value for value in self._module.parameters() if value.requires_grad]
        self._captured = Captured(self._judged, weights, inputs)

    def warm_up(self, batch: int, autocast: Callable[[], Any]) -> None:
        """Do once what only the first step does, and fall back to what works, saying so.

        batch: pairs of a step; autocast: makes the context that steps run in

        Raises `RuntimeError`, as steps would, where nothing works.
        """
        inputs = self.batch(torch.arange(batch))
        others = list(_LESS[self._speedup])
        while True:
            try:
                with warned_by_others("the speed-up of the training"):
                    with autocast():
                        judged = self.judge(inputs, batch)
                    if judged.total.requires_grad:
                        judged.total.backward()
                break
            except RuntimeError as error:  # what compilers and captures raise is one
                if not others or isinstance(error, torch.OutOfMemoryError):
                    raise
                why = (str(error).strip().splitlines() or [""])[0][:300]
                self._told(
                    f"speed-up {self._speedup} failed ({type(error).__name__}: {why}); trying "
                    f"{others[0]}"
                )
            self._captured = None
            self._module.zero_grad(set_to_none=True)
            torch.compiler.reset()
            self._prepare(others.pop(0))
        self._module.zero_grad(set_to_none=True)


def _with_norms_of_ours(module: nn.Module) -> None:
    """Put norms that a compiler fuses, and that leave channels side by side, in place of
    PyTorch's, which have no weights either."""
    for block in list(module.modules()):
        for name, child in block.named_children():
            if isinstance(child, nn.InstanceNorm2d):
                setattr(block, name, InstanceNorm(child.eps))


def _tensors(pairs: Pairs) -> list[Tensor]:
    return [pairs.first, pairs.second, pairs.flow]


def sequence_loss(flows: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of flows [U,B,2,h,w] in cells, and the end-point error of the last in px.

    truth: [B,2,8h,8w] px

    The loss is the distance between where a pixel is said to go and where it goes, smooth near 0
    (Charbonnier et al., ICIP 1994), the mean over pixels, summed over updates with weights that
    grow by 1 / `GAMMA`. Hidden pixels count like all others: motion is asked for there, too, and a
    distance, unlike a square, keeps few pixels with large errors from deciding.
    """
    up = upsampled(flows)
    known = (truth.square().sum(1) < FASTEST**2).float()  # [B,H,W]
    square = (up - truth).square().sum(2)  # [U,B,H,W]
    count = known.sum().clamp(min=1)
    each = (torch.sqrt(square + SMOOTH**2) * known).sum((1, 2, 3)) / count  # [U]
    power = torch.arange(len(flows) - 1, -1, -1, device=flows.device, dtype=torch.float32)
    epe = (square[-1].detach().sqrt() * known).sum() / count
    return (each * GAMMA**power).sum(), epe


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return the values of nested mappings by their names with dots."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        inside = isinstance(value, Mapping)
        found |= _flat(value, f"{before}{name}.") if inside else {f"{before}{name}": value}
    return found


def check_size(size: tuple[int, int]) -> None:
    """Raise `InputError` unless height and width can be trained on."""
    wrong = [side for side in size if side < LEAST or side % STRIDE]
    if wrong:
        raise InputError(
            f"size: expected sides that are multiples of {STRIDE} from {LEAST} px on, found "
            f"{enumerated([str(side) for side in wrong])}"
        )
