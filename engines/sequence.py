"""What every value that travels between nodes supports: counting, cutting, joining, moving frames.

A value type implements `FrameSequence`; tensors [F,...] and lists with one entry per
frame are served here. Beside its definition a class is registered with `state_type` if a run must
be able to store it in a file.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from .errors import InputError

_Class = TypeVar("_Class", bound=type[Any])


@runtime_checkable
class FrameSequence(Protocol):
    """A clip, or a chunk of one, of anything that has one value per frame."""

    @property
    def frame_count(self) -> int:
        """How many frames there are."""
        ...

    def slice(self, start: int, stop: int) -> Any:
        """Return the frames from `start` up to but not including `stop`, without copying."""
        ...

    @classmethod
    def cat(cls, chunks: Any) -> Any:
        """Return successive chunks, at least one, as one sequence."""
        ...

    def to(self, device: torch.device | str) -> Any:
        """Return the same frames on `device`."""
        ...


def frame_count(value: Any) -> int:
    """Return the number of frames in a tensor [F,...], a list or a `FrameSequence`.

    Raises `InputError` for anything else.
    """
    if isinstance(value, Tensor) and value.ndim:
        return value.shape[0]
    if isinstance(value, list):
        return len(value)
    if isinstance(value, FrameSequence):
        return value.frame_count
    raise InputError(f"expected something with frames, found a {type(value).__name__}")


def slice_frames(value: Any, start: int, stop: int) -> Any:
    """Return the frames from `start` up to but not including `stop`, without copying."""
    if isinstance(value, FrameSequence):
        return value.slice(start, stop)
    return value[start:stop]


def cat(chunks: Sequence[Any]) -> Any:
    """Return successive chunks of one type, at least one, as one sequence."""
    first = chunks[0]
    if len(chunks) == 1:
        return first
    if isinstance(first, Tensor):
        return torch.cat(list(chunks))
    if isinstance(first, FrameSequence):
        return type(first).cat(chunks)
    return [row for chunk in chunks for row in chunk]


def to_device(value: Any, device: torch.device | str) -> Any:
    """Return the same frames on `device`; lists hold no tensors and stay as they are."""
    return value if isinstance(value, list) else value.to(device)


_STATE_TYPES: dict[str, type[Any]] = {}


def state_type(name: str = "") -> Callable[[_Class], _Class]:
    """Register a dataclass as part of what a run may store between chunks.

    name: what stored states call it, by default the name of the class; renaming it makes states
          that were stored before unreadable

    Raises `ValueError` if another class has the name.
    """

    def register(class_: _Class) -> _Class:
        key = name or class_.__name__
        other = _STATE_TYPES.setdefault(key, class_)
        if (other.__module__, other.__qualname__) != (class_.__module__, class_.__qualname__):
            raise ValueError(f"state type {key!r}: both {other} and {class_} claim this name")
        _STATE_TYPES[key] = class_
        return class_

    return register


def state_types() -> Mapping[str, type[Any]]:
    """Return the registered state types by their stored names."""
    return MappingProxyType(_STATE_TYPES)
