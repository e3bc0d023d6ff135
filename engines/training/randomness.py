"""Random numbers that follow from the seed and the place in a training, and algorithms without
chance."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..errors import InputError

_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


def seed_for(*place: int) -> None:
    """Seed the generators of torch on every device for one place in a training.

    place: the seed of the run and whatever numbers the place, such as step and batch

    A run that goes on at a step has the random numbers that it would have had without a break, and
    several processes have those that one would have for the same batches.
    """
    digest = hashlib.sha256(repr(place).encode()).digest()
    torch.manual_seed(int.from_bytes(digest[:8], "big") >> 1)


@contextmanager
def deterministic(wanted: bool, device: torch.device) -> Iterator[None]:
    """Use only algorithms that give the same numbers every time, while the body runs.

    An operation that has none raises an error that names it. Raises `InputError` on a GPU whose
    matrix products cannot be made so any more.
    """
    if not wanted:
        yield
        return
    if device.type == "cuda" and os.environ.get(_CUBLAS) not in (":4096:8", ":16:8"):
        raise InputError(
            f"deterministic: on a GPU it needs {_CUBLAS}=:4096:8 in the environment before the "
            "program starts; set it, or train without deterministic"
        )
    before = torch.are_deterministic_algorithms_enabled()
    benchmark = torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.backends.cudnn.benchmark = benchmark
