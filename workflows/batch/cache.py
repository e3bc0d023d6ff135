"""Keep engines, but not frames, in memory from one input of a batch to the next."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor

from ..execution.caching import NodeResult, ResultCache

_MAX_FRAMES = 16 * 2**20  # bytes


class WarmCache(ResultCache):
    """Keeps results that are small or have no frames.

    The next input has other frames; those of this one would only occupy memory.
    """

    def put(self, key: str, result: NodeResult, owner: str = "") -> None:
        if sum(_frames(element) for output in result.outputs for element in output) <= _MAX_FRAMES:
            super().put(key, result, owner)


def _frames(value: Any, depth: int = 3) -> int:
    """Return the bytes of a value's tensors: of a Clip's frames, but not of a network's weights."""
    if isinstance(value, Tensor):
        return value.nbytes
    if not depth:
        return 0
    parts: list[Any] = []
    if isinstance(value, Mapping):
        parts = list(value.values())
    elif isinstance(value, list | tuple):
        parts = list(value)
    elif is_dataclass(value):
        parts = [getattr(value, field.name) for field in fields(value)]
    return sum(_frames(part, depth - 1) for part in parts)
