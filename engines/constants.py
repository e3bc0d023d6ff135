"""Small tensors of fixed values, made once per device."""

from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=256)
def constant(
    values: tuple[float, ...] | tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return `values` as a tensor [N], the same one at every call: do not write into it.

    A copy from the host waits until a GPU has finished all that it was given before.
    """
    with torch.inference_mode(False):  # so that it can be used with gradients, too
        return torch.tensor(values, dtype=dtype, device=device)
