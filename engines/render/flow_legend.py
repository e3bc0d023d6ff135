"""A small colour wheel with its scale in a corner of drawn flow."""

import torch
from torch import Tensor

from ..errors import InputError
from .flow_colours import flow_colours

# Columns of 5x7 dots, the lowest bit on top.
_GLYPHS = {
    "0": (0x3E, 0x51, 0x49, 0x45, 0x3E),
    "1": (0x00, 0x42, 0x7F, 0x40, 0x00),
    "2": (0x42, 0x61, 0x51, 0x49, 0x46),
    "3": (0x22, 0x41, 0x49, 0x49, 0x36),
    "4": (0x18, 0x14, 0x12, 0x7F, 0x10),
    "5": (0x27, 0x45, 0x45, 0x45, 0x39),
    "6": (0x3E, 0x49, 0x49, 0x49, 0x32),
    "7": (0x01, 0x71, 0x09, 0x05, 0x03),
    "8": (0x36, 0x49, 0x49, 0x49, 0x36),
    "9": (0x26, 0x49, 0x49, 0x49, 0x3E),
    " ": (0x00, 0x00, 0x00, 0x00, 0x00),
    ".": (0x00, 0x60, 0x60, 0x00, 0x00),
    "/": (0x20, 0x10, 0x08, 0x04, 0x02),
    "a": (0x20, 0x54, 0x54, 0x54, 0x78),
    "e": (0x38, 0x54, 0x54, 0x54, 0x18),
    "f": (0x08, 0x7E, 0x09, 0x01, 0x02),
    "m": (0x7C, 0x04, 0x78, 0x04, 0x78),
    "p": (0x7C, 0x14, 0x14, 0x14, 0x08),
    "r": (0x7C, 0x08, 0x04, 0x04, 0x08),
    "x": (0x44, 0x28, 0x10, 0x28, 0x44),
}
_ORDER = "".join(_GLYPHS)  # digits first: a digit is its own number
_UNIT = "px/frame"
_PLACES = (1e5, 1e4, 1e3, 1e2, 1e1, 1e0)  # of hundredths of a px
_LINE = 9  # dots from line to line
_EM = 6  # dots from glyph to glyph
_MARGIN = 4  # dots round wheel and text
_FINEST = 160  # px of the shorter side for each pixel of a dot


def draw_legend(image: Tensor, scales: Tensor, colours: str = "middlebury") -> None:
    """Draw into `image` [F,H,W,3], in the lower left corner: the wheel, whose rim is the speed in
    full colour, and below it that speed, `scales` [F] px per frame, up to 9999.99.

    Raises `InputError` for pictures too small for it.
    """
    _, height, width, _ = image.shape
    dot = max(1, min(height, width) // _FINEST)
    across = _EM * len(_UNIT)  # dots of the wheel and of a line of text
    wide = dot * (across + 2 * _MARGIN)
    high = wide + dot * 2 * _LINE
    if height < high or width < wide:
        raise InputError(
            f"legend: expected pictures of at least {wide}x{high}, found {width}x{height}; switch "
            "legend off"
        )
    panel = image[:, height - high :, :wide]
    panel.fill_(1)
    start, stop = dot * _MARGIN, dot * (_MARGIN + across)
    panel[:, start:stop, start:stop] = _wheel(dot * across, colours, image.device)
    ink = _text(scales).repeat_interleave(dot, 1).repeat_interleave(dot, 2)
    top = stop + dot * 2
    panel[:, top : top + ink.shape[1], start:stop] -= ink[..., None]


def _wheel(size: int, colours: str, device: torch.device) -> Tensor:
    """Return a disc of all directions, with speed 0 in the middle and 1 at the rim,
    [size,size,3]."""
    at = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    flow = torch.stack(torch.meshgrid(at, at, indexing="xy"))[None]
    inside = ((1 - torch.hypot(flow[0, 0], flow[0, 1])) * (size / 2) + 0.5).clamp(0, 1)
    disc = flow_colours(flow, torch.ones(1, device=device), colours=colours)[0]
    return 1 - inside[..., None] * (1 - disc)


def _text(scales: Tensor) -> Tensor:
    """Return a number, right-aligned, and its unit below as dots [F,2*9,8*6], 0 or 1."""
    hundredths = (scales.double() * 100).round().clamp(max=10 * _PLACES[0] - 1)[:, None]
    places = torch.tensor(_PLACES, device=scales.device, dtype=torch.float64)
    digits = (hundredths / places).floor() % 10
    leading = (hundredths < places) & (places > 100)
    digits = torch.where(leading, _ORDER.index(" "), digits).long()
    signs = torch.tensor([_ORDER.index(sign) for sign in " ." + _UNIT], device=scales.device)
    blank, point, unit = (part.expand(len(scales), -1) for part in signs.split([1, 1, len(_UNIT)]))
    number = torch.cat([blank, digits[:, :4], point, digits[:, 4:]], 1)
    return torch.cat([_line(number), _line(unit)], 1)


def _line(glyphs: Tensor) -> Tensor:
    """Return numbers of glyphs [F,L] as dots [F,9,6L]."""
    columns = torch.tensor(list(_GLYPHS.values()), device=glyphs.device)[glyphs]  # [F,L,5]
    columns = torch.nn.functional.pad(columns, (0, _EM - 5)).flatten(1)
    bits = torch.arange(_LINE, device=glyphs.device)[:, None]
    return (columns[:, None] >> bits & 1).float()
