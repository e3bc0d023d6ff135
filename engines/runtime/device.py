"""Devices that a user asks for by name."""

from ..errors import EngineError
from .ladder import torch_cuda


def check_device(device: str) -> None:
    """Raise `EngineError` for a GPU that cannot be used: the CPU never stands in for it.

    device: a name as PyTorch has it, such as "cuda:0" or "cpu", or "auto"
    """
    cuda = torch_cuda()
    if device.startswith("cuda") and not cuda.usable:
        raise EngineError(f'device {device}: {cuda.reason}; try: {cuda.cure}; or give device="cpu"')
