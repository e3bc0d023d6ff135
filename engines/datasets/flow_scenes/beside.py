"""Moving small tables to a device without waiting for it."""

import torch
from torch import Tensor


def beside(values: Tensor, device: torch.device) -> Tensor:
    """Return values of the CPU on a device, whose queue the copy joins."""
    if device.type == "cuda" and values.numel():
        values = values.pin_memory()
    return values.to(device, non_blocking=True)
