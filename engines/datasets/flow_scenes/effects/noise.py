"""Noise of a sensor, stronger where it is bright, and noise of video, which is coarser."""

import torch
from torch import Tensor

from .effect import Chosen, Effect

_WEAKEST, _STRONGEST = 0.002, 0.04  # standard deviation
_COARSE = 0.4  # share


def _apply(frames: Tensor, chosen: Chosen) -> Tensor:
    draws = chosen.uniform(9)
    sigma = _WEAKEST * (_STRONGEST / _WEAKEST) ** draws[:, 0]
    shot = draws[:, 1]  # part that grows with the light
    side = chosen.noise.shape[-1]
    height, width = frames.shape[-2:]
    # Each frame has another part of the noise, mirrored or not.
    place = (draws[:, 2:6].view(-1, 2, 2) * side).long()
    sign = torch.where(draws[:, 6:8] < 0.5, -1.0, 1.0)
    rows, columns = (
        (start[..., None] + torch.arange(n, device=frames.device)) % side
        for start, n in zip(place.unbind(-1), (height, width), strict=True)
    )
    kind = (draws[:, 8] < _COARSE).long()[:, None, None, None]
    noise = chosen.noise.movedim(1, -1)[kind, rows[..., None], columns[:, :, None]]
    noise = noise.movedim(-1, 2) * sign[..., None, None, None]
    sigma, shot = (value[:, None, None, None, None] for value in (sigma, shot))
    return frames + noise * sigma * (1 - shot + 2 * shot * frames.clamp(0, 1)).sqrt()


EFFECT = Effect("noise", order=50, share=0.85, stream=340, apply=_apply)
