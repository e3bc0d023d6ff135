"""Random numbers that can be stored and restored, and algorithms without chance."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError

_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


def seed_all(seed: int) -> None:
    """Seed the generators of torch on every device."""
    torch.manual_seed(seed)


def state(device: torch.device) -> dict[str, Tensor]:
    """Return the states of the generators of the CPU and of `device`."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def restore(states: Mapping[str, Any], device: torch.device) -> None:
    """Restore what `state` returned; a device that had no generator then is left as it is."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)


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
