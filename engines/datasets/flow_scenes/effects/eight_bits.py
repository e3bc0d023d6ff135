"""Frames of 8 bits per channel, as files hold them."""

from torch import Tensor

from .effect import Chosen, Effect


def _apply(frames: Tensor, chosen: Chosen) -> Tensor:
    return (frames.clamp(0, 1) * 255).round() / 255


EFFECT = Effect("eight_bits", order=70, share=1.0, stream=360, apply=_apply)
