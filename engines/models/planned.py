"""Networks whose weights file holds the list of their operators, as small mobile networks do.

The header of the safetensors file has the metadata `plan`, JSON: `input` is the number of the input
[N,C,H,W], `outputs` maps names to numbers, and each of `ops` has `op`, the numbers `in` and `out`,
and what the operator needs. Pads are [before, after] on both axes, as TensorFlow's SAME padding is
asymmetric.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..errors import ModelError
from .tensors import fill, read_tensors


class PlannedNetwork(nn.Module):
    """images [N,C,H,W] -> the outputs of the plan by name, flattened after the first axis.

    plan: see the top of this file

    Raises `ValueError` for an operator that it does not have.
    """

    def __init__(self, plan: Mapping[str, Any]):
        super().__init__()
        self._input, self._outputs = plan["input"], plan["outputs"]
        self._steps: list[tuple[Callable[..., Tensor], list[int], int]] = []
        for place, op in enumerate(plan["ops"]):
            if op["op"] not in _OPERATORS:
                raise ValueError(f"operator {op['op']!r} of the plan is not supported")
            made = _OPERATORS[op["op"]](op)
            if isinstance(made, nn.Module):
                self.add_module(op.get("name", f"{op['op']}{place}"), made)
            self._steps.append((made, op["in"], op["out"]))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        values = {self._input: images}
        for step, sources, out in self._steps:
            values[out] = step(*(values[number] for number in sources))
        return {name: values[number] for name, number in self._outputs.items()}


class _Conv(nn.Conv2d):
    """A convolution with its own padding before and after, and an optional ReLU or ReLU6."""

    def __init__(self, op: Mapping[str, Any]):
        out, inner, high, wide = op["shape"]
        before, after = op["pad"]
        even = before == after
        super().__init__(
            inner * op["groups"], out, (high, wide), op["stride"], before if even else 0,
            groups=op["groups"], bias=op.get("bias", True),
        )  # fmt: skip
        self._around = None if even else (before, after, before, after)
        self._act = _ACTIVATIONS[op.get("act")]

    def forward(self, x: Tensor) -> Tensor:
        if self._around is not None:
            x = F.pad(x, self._around)
        return self._act(super().forward(x))


class _PReLU(nn.Module):
    """A slope for each channel below zero; `weight` [C]."""

    def __init__(self, op: Mapping[str, Any]):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(op["channels"]))

    def forward(self, x: Tensor) -> Tensor:
        return F.prelu(x, self.weight)


class _Linear(nn.Linear):
    def __init__(self, op: Mapping[str, Any]):
        super().__init__(op["shape"][1], op["shape"][0])
        self._act = _ACTIVATIONS[op.get("act")]

    def forward(self, x: Tensor) -> Tensor:
        return self._act(super().forward(x.flatten(1)))


def _unchanged(x: Tensor) -> Tensor:
    return x


_ACTIVATIONS: dict[str | None, Callable[[Tensor], Tensor]] = {
    None: _unchanged,
    "relu": F.relu,
    "relu6": F.relu6,
    "sigmoid": torch.sigmoid,
}


def _rows(op: Mapping[str, Any]) -> Callable[[Tensor], Tensor]:
    """Rearrange [N,A*width,H,W] -> [N,H*W*A,width], cell by cell."""
    width: int = op["width"]
    return lambda x: x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, width)


def _added(op: Mapping[str, Any]) -> Callable[[Tensor, Tensor], Tensor]:
    act = _ACTIVATIONS[op.get("act")]
    return lambda a, b: act(a + b)


def _resized(op: Mapping[str, Any]) -> Callable[[Tensor], Tensor]:
    """Bring images to `size` (height, width), bilinearly, with pixels centred at .5."""
    size = tuple(op["size"])
    return lambda x: F.interpolate(x, size, mode="bilinear", align_corners=False)


_OPERATORS: dict[str, Callable[[Mapping[str, Any]], Callable[..., Tensor]]] = {
    "conv": _Conv,
    "prelu": _PReLU,
    "linear": _Linear,
    "relu": lambda op: F.relu,
    "sigmoid": lambda op: torch.sigmoid,
    "add": _added,
    "maxpool": lambda op: lambda x: F.max_pool2d(x, op["k"], op["stride"]),
    "resize": _resized,
    "mean": lambda op: lambda x: x.mean((2, 3), keepdim=True),
    "padchannels": lambda op: lambda x: F.pad(x, (0, 0, 0, 0, 0, op["n"])),
    "rows": _rows,
    "cat": lambda op: lambda *parts: torch.cat(parts, 1),
}


def load_planned(path: Path) -> PlannedNetwork:
    """Return the network of a safetensors file with a plan, in fp32, for inference.

    Raises `ModelError` for a file that cannot be read, has no plan, or does not fit it.
    """
    try:
        with safe_open(path, "pt") as file:
            plan = json.loads((file.metadata() or {}).get("plan", "null"))
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read as weights: {error}") from error
    if not isinstance(plan, dict):
        raise ModelError(f"{path}: expected weights with the plan of their network, found none")
    try:
        module = PlannedNetwork(plan)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: the plan of the network is damaged: {error}") from error
    state = {name: value.float() for name, value in read_tensors(path).items()}
    fill(module, state, path, "the network of its plan")
    return module.eval()
