"""Speeds of flow, in blocks that fit the memory of their device."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..errors import InputError

# Pixels at once. On a CPU what is computed on the way must stay in its cache: memory that is new to
# the process costs more than the computation. On a GPU a few hundred MiB.
_CPU, _GPU = 2**17, 2**23

Block = tuple[slice, slice]


def blocks(flow: Tensor, *, whole: bool = False) -> Iterator[Block]:
    """Yield which frames and rows of [N,...,H,W] to compute at once: some frames, or rows of one
    frame; whole: never less than a frame."""
    count, height, width = flow.shape[0], flow.shape[-2], flow.shape[-1]
    most = _CPU if flow.device.type == "cpu" else _GPU
    frames = max(1, most // max(1, height * width))
    rows = height if whole or frames > 1 else max(1, most // max(1, width))
    for start in range(0, count, frames):
        for top in range(0, height, max(1, rows)):
            yield slice(start, start + frames), slice(top, top + rows)


def fastest(flow: Tensor) -> Tensor:
    """Return the length of the longest vector of each of the flows [N,2,H,W], [N] px.

    Raises `InputError` for flow without pixels and for NaN and infinity.
    """
    if 0 in flow.shape[2:]:
        raise InputError(
            f"flow: expected pixels, found pictures of {flow.shape[3]}x{flow.shape[2]}"
        )
    found = torch.zeros(len(flow), device=flow.device)
    for at, rows in blocks(flow):
        part = flow[at, :, rows].float()
        peak = torch.hypot(part[:, 0], part[:, 1]).flatten(1).amax(1)  # NaN wins
        found[at] = torch.maximum(found[at], peak)
    bad = (~found.isfinite()).nonzero().flatten().tolist()
    if bad:
        raise InputError(
            f"flow: expected finite vectors, found NaN or infinity in {len(bad)} of {len(flow)} "
            f"pairs of frames, the first of them pair {bad[0]}; estimate the flow again, in fp32"
        )
    return found
