"""Losses of JPEG and of video that is stored likewise: rounded coefficients of 8x8 blocks."""

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .effect import Chosen, Effect

_QUALITIES = (20.0, 90.0)  # of libjpeg's scale
_CHANGE = 10.0  # most that the second frame's differs
_BLOCK = 8
# Tables K.1 and K.2 of ITU-T T.81.
_LUMA = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    *(17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99),
    *(24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99),
    *(99,) * 32,
)
# RGB to luma and chroma (JFIF 1.02).
_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def _apply(frames: Tensor, chosen: Chosen) -> Tensor:
    draws = chosen.uniform(2)
    low, high = _QUALITIES
    quality = (low + (high - low) * draws[:, :1]).expand(-1, 2).clone()
    quality[:, 1] += _CHANGE * (2 * draws[:, 1] - 1)
    # As libjpeg scales its tables.
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50).flatten()  # [2P]
    height, width = frames.shape[-2:]
    image = frames.flatten(0, 1).clamp(0, 1)
    down, right = -height % (2 * _BLOCK), -width % (2 * _BLOCK)
    image = F.pad(image, (0, right, 0, down), mode="replicate")
    to, back = _matrices(image.device)
    luma, chroma = _mixed(image, to).split([1, 2], 1)
    luma = _rounded(luma, scale, _table(_LUMA, image.device))
    # 4:2:0, as nearly all video has it.
    chroma = _rounded(F.avg_pool2d(chroma, 2), scale, _table(_CHROMA, image.device))
    chroma = F.interpolate(chroma, scale_factor=2.0, mode="bilinear", align_corners=False)
    image = _mixed(torch.cat([luma, chroma], 1), back)
    return image[..., :height, :width].reshape(frames.shape)


def _rounded(planes: Tensor, scale: Tensor, table: Tensor) -> Tensor:
    """Return planes [N,C,H,W] with the coefficients of their blocks rounded to steps
    `table` [8,8] times `scale` [N], in 1/255."""
    steps = (table * scale[:, None, None]).clamp(min=1) / 255  # [N,8,8]
    basis = _basis(planes.device)
    blocks = planes.unflatten(-1, (-1, _BLOCK)).unflatten(2, (-1, _BLOCK))  # [N,C,R,8,Q,8]
    steps = steps[:, None, None, :, None]
    found = _along(_along(blocks, basis, 5), basis, 3)
    kept = (found / steps).round() * steps
    blocks = _along(_along(kept, basis.T, 5), basis.T, 3)
    return blocks.flatten(4, 5).flatten(2, 3)


def _along(blocks: Tensor, matrix: Tensor, dim: int) -> Tensor:
    """Return blocks whose dimension `dim` a matrix [8,8] is multiplied to.

    Added up one by one: a product of matrices may depend on the batch, and rounding would show it.
    """
    shape = [1] * blocks.ndim
    shape[dim] = _BLOCK
    total = torch.zeros_like(blocks)
    for number in range(_BLOCK):
        total.addcmul_(blocks.narrow(dim, number, 1), matrix[:, number].view(shape))
    return total


def _mixed(image: Tensor, matrix: Tensor) -> Tensor:
    """Return [N,3,H,W] with the channels mixed by [3,3]."""
    column = matrix[..., None, None]
    mixed = image[:, :1] * column[:, 0]
    return mixed.addcmul_(image[:, 1:2], column[:, 1]).addcmul_(image[:, 2:], column[:, 2])


@cache
def _basis(device: torch.device) -> Tensor:
    """Return the orthonormal DCT-II [8,8]: coefficients by samples."""
    order = torch.arange(_BLOCK)[:, None]
    basis = torch.cos((2 * torch.arange(_BLOCK) + 1) * order * (math.pi / (2 * _BLOCK)))
    basis = basis * math.sqrt(2 / _BLOCK)
    basis[0] /= math.sqrt(2)
    return basis.to(device)


@cache
def _matrices(device: torch.device) -> tuple[Tensor, Tensor]:
    to = torch.tensor(_YCC)
    return to.to(device), torch.linalg.inv(to).to(device)


@cache
def _table(values: tuple[int, ...], device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).view(_BLOCK, _BLOCK).to(device)


EFFECT = Effect("compression", order=60, share=0.4, stream=350, apply=_apply)
