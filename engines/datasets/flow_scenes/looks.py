"""What layers look like: a part of a texture, in other colours."""

import torch
from torch import Tensor

COLUMNS = 9  # uniform numbers
NORMALS = 4  # standard normal numbers

_FINEST, _COARSEST = 0.95, 0.35  # texels per px, in the frame that shows more of them
_LUMA = (0.299, 0.587, 0.114)
_INVERTED = 0.08  # share
_ANY_HUE = 0.3  # share; others keep theirs, about
_HUE = 0.2  # rad
_CONTRAST, _FAINT = (0.6, 1.3), (0.12, 0.6)
_FAINT_SHARE = 0.2  # of layers, as walls, skies and plain clothes are
_SATURATION = (0.3, 1.5)
_BRIGHTNESS, _TINT = 0.1, 0.08  # standard deviations


def texture_map(draws: Tensor, shrunk: Tensor, middle: Tensor, side: int) -> Tensor:
    """Return affine maps [...,2,3] from px of the first frame to places -1..1 in a texture.

    draws:  [...,`COLUMNS`], of which four are used
    shrunk: [...] scale of the second frame relative to the first
    middle: [...,2] px of the layer
    """
    fine, angle, *place = draws[..., :4].unbind(-1)
    density = _FINEST * (_COARSEST / _FINEST) ** (fine**2) * shrunk.clamp(max=1)
    turn = angle * 2 * torch.pi
    cos, sin = turn.cos() * density * 2 / side, turn.sin() * density * 2 / side
    out = torch.zeros(*fine.shape, 2, 3, dtype=fine.dtype)
    out[..., 0, 0], out[..., 0, 1], out[..., 1, 0], out[..., 1, 1] = cos, -sin, sin, cos
    shift = 2 * torch.stack(place, -1) - 1 - (out[..., :2] @ middle[..., None])[..., 0]
    out[..., 2] = shift
    return out


def colouring(draws: Tensor, normals: Tensor) -> Tensor:
    """Return [...,3,4] from red, green, blue and 1 to other colours: of another hue, saturation,
    contrast and brightness.

    draws: [...,`COLUMNS`], of which five are used; normals: [...,`NORMALS`]
    """
    any_hue, hue, contrast, saturation, inverted = draws[..., 4:9].unbind(-1)
    angle = torch.where(any_hue < _ANY_HUE, hue * 2 * torch.pi, normals[..., 1] * _HUE)
    cos, sin = angle.cos()[..., None, None], angle.sin()[..., None, None]
    third = torch.full((3, 3), 1 / 3, dtype=draws.dtype)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], dtype=draws.dtype) / 3**0.5
    # Rodrigues' formula about the axis of greys.
    turned = cos * torch.eye(3, dtype=draws.dtype) + (1 - cos) * third + sin * cross
    grey = torch.tensor(_LUMA, dtype=draws.dtype).expand(3, 3)
    part = _within(saturation, _SATURATION)[..., None, None]
    mixed = part * torch.eye(3, dtype=draws.dtype) + (1 - part) * grey
    rest = (contrast - _FAINT_SHARE) / (1 - _FAINT_SHARE)
    faint = _within(contrast / _FAINT_SHARE, _FAINT)
    strength = torch.where(contrast < _FAINT_SHARE, faint, _within(rest, _CONTRAST))
    strength = torch.where(inverted < _INVERTED, -strength, strength)
    tint = torch.exp(_TINT * normals[..., 1:4])
    matrix = tint[..., None] * strength[..., None, None] * (mixed @ turned)
    bias = 0.5 + _BRIGHTNESS * normals[..., :1] - matrix.sum(-1) * 0.5
    return torch.cat([matrix, bias[..., None]], -1)


def _within(draw: Tensor, limits: tuple[float, float]) -> Tensor:
    low, high = limits
    return low * (high / low) ** draw
