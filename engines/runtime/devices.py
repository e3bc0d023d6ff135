"""Devices that a user names."""

from ..errors import EngineError
from .ladder import torch_cuda


def check_device(device: str) -> None:
    """Raise `EngineError` for a GPU that is not there: the CPU never stands in for it."""
    cuda = torch_cuda()
    if device.startswith("cuda") and not cuda.usable:
        raise EngineError(f'device {device}: {cuda.reason}; try: {cuda.cure}; or give device="cpu"')
