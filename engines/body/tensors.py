"""Frozen dataclasses of tensors."""

from dataclasses import fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

Some = TypeVar("Some")


def moved(value: Some, device: torch.device | str) -> Some:
    """Return a frozen dataclass with all its tensors on `device`.

    The copy is kept with the value, so that a GPU gets it once.
    """
    copies: dict[torch.device, Some] = vars(value).setdefault("_moved", {})
    where = torch.device(device)
    if where not in copies:
        held = {field.name: getattr(value, field.name) for field in fields(value)}  # type: ignore[arg-type]
        with torch.inference_mode(False):
            new: Any = {name: v.to(where) for name, v in held.items() if isinstance(v, Tensor)}
        copies[where] = replace(value, **new)  # type: ignore[type-var]
    return copies[where]
