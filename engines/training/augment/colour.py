"""Colours, sharpness and noise of pictures."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .choices import Choices

# RGB to brightness and two axes of colour (NTSC's YIQ), in whose plane a turn changes the hue.
_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
_TAPS = 3  # px to either side that a blur reaches, in standard deviations


def recoloured(images: Tensor, choices: Choices) -> Tensor:
    """Return images [B,3,H,W] 0..1 in other colours, blurred and noisy."""
    count = len(images)
    if choices.colours:
        change = 1 + choices.colours * _signed(count, 3)
        images = images * change.to(images.device)[..., None, None]
    if choices.hue or choices.saturation or choices.brightness or choices.gray:
        matrix = _matrices(count, choices).to(images.device)
        images = torch.einsum("bij,bjhw->bihw", matrix, images)
    if choices.blur[0] and choices.blur[1]:
        images = _blurred(images, *choices.blur)
    if choices.noise[0] and choices.noise[1]:
        strength = choices.noise[1] * (torch.rand(count) < choices.noise[0]).float()
        images = images + strength.to(images.device)[:, None, None, None] * torch.randn_like(images)
    return images.clamp(0, 1)


def _matrices(count: int, choices: Choices) -> Tensor:
    """Return what changes the hue, saturation and brightness of pictures: [B,3,3] of RGB."""
    changed = (torch.rand(count) < choices.hsv).float()
    angle = 2 * math.pi * choices.hue * _signed(count) * changed
    strength = 1 + choices.saturation * _signed(count) * changed
    strength = torch.where(torch.rand(count) < choices.gray, 0.0, strength)
    light = 1 + choices.brightness * _signed(count) * changed
    turn = torch.zeros(count, 3, 3)
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = angle.cos() * strength
    turn[:, 1, 2], turn[:, 2, 1] = -angle.sin() * strength, angle.sin() * strength
    yiq = torch.tensor(_YIQ)
    changed_to: Tensor = light[:, None, None] * (torch.linalg.inv(yiq) @ turn @ yiq)
    return changed_to


def _blurred(images: Tensor, part: float, largest: float) -> Tensor:
    """Return images of which a part is blurred by up to `largest` px."""
    count, channels, height, width = images.shape
    sigma = largest * torch.rand(count) * (torch.rand(count) < part)
    reach = max(1, math.ceil(_TAPS * largest))
    at = torch.arange(-reach, reach + 1).float()
    kernel = torch.exp(-at.square() / (2 * sigma[:, None].clamp(min=1e-2).square()))
    kernel = (kernel / kernel.sum(1, keepdim=True)).to(images.device)
    kernel = kernel.repeat_interleave(channels, 0)[:, None, None]  # [B*3,1,1,n]
    flat = F.pad(images, (reach,) * 4, mode="replicate").flatten(0, 1)[None]
    flat = F.conv2d(flat, kernel, groups=count * channels)
    flat = F.conv2d(flat, kernel.transpose(2, 3), groups=count * channels)
    return flat.view(count, channels, height, width)


def _signed(*shape: int) -> Tensor:
    """Return uniform random numbers in -1..1."""
    return 2 * torch.rand(*shape) - 1
