"""Exposure, white balance and gamma, of both frames and a little different in the second one."""

import torch
from torch import Tensor

from .effect import Chosen, Effect

# Standard deviations of what both frames share and of what the second one has: logarithm of the
# gain, of each channel's, of gamma; shift of black.
_SHARED = (0.15, 0.05, 0.2, 0.02)
_CHANGE = (0.08, 0.025, 0.06, 0.015)
_SAME = 0.4  # share of pairs without a change


def _apply(frames: Tensor, chosen: Chosen) -> Tensor:
    shared, change = chosen.normal(2, 6).unbind(1)  # [P,6]
    change = change * (chosen.uniform(1) >= _SAME)
    first, change = (
        torch.cat(
            [
                values[:, :1] * gain,
                values[:, 1:4] * each,
                values[:, 4:5] * gamma,
                values[:, 5:] * black,
            ],
            1,
        )
        for values, (gain, each, gamma, black) in ((shared, _SHARED), (change, _CHANGE))
    )
    values = torch.stack([first, first + change], 1)[..., None, None]  # [P,2,6,1,1]
    gain = (values[:, :, :1] + values[:, :, 1:4]).exp()
    powers = values[:, :, 4:5].exp()
    return (frames.clamp(1e-3, 1) ** powers * gain + values[:, :, 5:]).clamp(0, 1)


EFFECT = Effect("exposure", order=40, share=0.7, stream=330, apply=_apply)
