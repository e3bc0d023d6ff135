"""Frozen dataclasses of tensors."""

from dataclasses import fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

Some = TypeVar("Some")


def moved(value: Some, device: torch.device | str) -> Some:
    """Return a frozen dataclass with all its tensors on `device`."""
    held = {field.name: getattr(value, field.name) for field in fields(value)}  # type: ignore[arg-type]
    new: Any = {name: v.to(device) for name, v in held.items() if isinstance(v, Tensor)}
    return replace(value, **new)  # type: ignore[type-var]
