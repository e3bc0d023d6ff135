"""Devices that a user names."""

import torch

from ..errors import EngineError
from .backend import torch_cuda
from .reason import Reason


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


def chosen_device(device: str, why: list[Reason]) -> torch.device:
    """Return the device that a user names, "auto" being the GPU where there is one.

    why: gets the reason

    Raises `EngineError` as `check_device` does, and for a GPU that this machine does not have.
    """
    cuda = torch_cuda()
    if device == "auto":
        if cuda.usable:
            why.append(Reason(f"device cuda: {torch.cuda.get_device_name()}"))
            return torch.device("cuda", torch.cuda.current_device())
        why.append(Reason(f"device cpu: {cuda.reason}", cure=cuda.cure))
        return torch.device("cpu")
    check_device(device)
    where = torch.device(device)
    if where.type == "cuda":
        index = torch.cuda.current_device() if where.index is None else where.index
        count = torch.cuda.device_count()
        if index >= count:
            devices = "1 CUDA device" if count == 1 else f"{count} CUDA devices"
            raise EngineError(f"device {device}: this machine has {devices}")
        where = torch.device("cuda", index)
    elif where.type != "cpu":
        why.append(Reason(f"device {where}: not tested; Kinograph is tested on cpu and cuda"))
    why.append(Reason(f"device {where}: as asked"))
    return where


def wait(device: torch.device) -> None:
    """Wait until the device has finished all queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
