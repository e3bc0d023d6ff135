"""Devices that a user names."""

import torch

from ..errors import EngineError
from .backend import torch_cuda


def check_device(device: str) -> None:
    """Raise `EngineError` for an unknown device, and for one that is missing or cannot compute.

    The CPU never stands in for it.
    """
    if device == "auto":
        return
    try:
        where = torch.device(device)
    except RuntimeError as error:
        raise EngineError(f"device: expected auto, cpu or cuda, found {device[:80]!r}") from error
    if where.type == "cpu":
        return
    if where.type == "cuda":
        cuda = torch_cuda()
        if not cuda.usable:
            raise EngineError(
                f'device {device}: {cuda.reason}; try: {cuda.cure}; or give device="cpu"'
            )
        return
    try:
        torch.zeros(1, device=where).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise EngineError(
            f'device {device}: PyTorch cannot compute on it here; give device="cpu", or "cuda" '
            "for an NVIDIA GPU"
        ) from error
