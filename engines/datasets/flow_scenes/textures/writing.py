"""Lines of signs like writing: strokes in cells, dark on light or light on dark."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...backgrounds import Backgrounds
from ...seeded import uniform
from .texture import Texture

_STREAM = 150
_STROKES = 5  # rows and columns of a sign's dots
_LINES = (7, 20)


def _make(numbers: Tensor, side: int, seed: int, photographs: Backgrounds) -> Tensor:
    draws = uniform(seed, numbers, 12, _STREAM)
    most = min(_LINES[1], side // (4 * _STROKES))  # no stroke below 2.5 px
    lines = _LINES[1]
    rows = lines * (_STROKES + 2)
    dots = uniform(seed, numbers, rows * rows, _STREAM + 1).view(-1, 1, rows, rows)
    within = torch.arange(rows, device=numbers.device) % (_STROKES + 2)
    letter = within < _STROKES
    words = uniform(seed, numbers, lines * lines, _STREAM + 2).view(-1, 1, lines, lines) < 0.8
    words = words.repeat_interleave(_STROKES + 2, 2).repeat_interleave(_STROKES + 2, 3)
    # Strokes are continued from dot to dot, so that signs are connected.
    ink = ((dots < 0.45) & letter & letter[:, None] & words).float()
    low = min(_LINES[0], most)
    shown = (low + (most - low) * draws[:, 0]) / lines  # part of the page
    theta = torch.zeros(len(numbers), 2, 3, device=numbers.device)
    theta[:, 0, 0] = theta[:, 1, 1] = shown
    theta[:, 0, 2] = theta[:, 1, 2] = shown - 1
    grid = F.affine_grid(theta, [len(numbers), 1, side, side], align_corners=False)
    ink = F.grid_sample(ink, grid, mode="bicubic", align_corners=False).clamp(0, 1)
    ink = (ink * 3 - 1).clamp(0, 1)
    paper, pen = (draws[:, n : n + 3, None, None] for n in (1, 4))
    dark = draws[:, 7, None, None, None] < 0.5
    paper = torch.where(dark, 0.3 * paper, 0.7 + 0.3 * paper)
    pen = torch.where(dark, 0.5 + 0.5 * pen, 0.5 * pen)
    return paper + (pen - paper) * ink


TEXTURE = Texture("writing", share=0.5, make=_make)
