"""Texts on plates, for a whole batch of canvases at once."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .glyphs import Glyphs

_BRIGHT = 0.5  # luminance of a plate from which its text is black
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Plates:
    """N texts, each on a plate of one colour on one frame.

    frame:  [N] int64
    order:  [N] int64 >= 0, unique within a frame; higher ones cover lower ones
    boxes:  [N,4] x0, y0, x1, y1 px, what each names: it stands above its box at the left, inside of
            it where the picture ends, and always within the picture as far as it fits
    texts:  [N,L] numbers of letters
    colour: [N,3] 0..1 of the plate; the text is black or white
    """

    frame: Tensor
    order: Tensor
    boxes: Tensor
    texts: Tensor
    colour: Tensor


def draw_plates(plates: Plates, letters: Glyphs, image: Tensor, mask: Tensor) -> None:
    """Draw plates over `image` [F,H,W,3], and what they cover into `mask` [F,H,W], in place."""
    if not len(plates.frame):
        return
    device = image.device
    ink, wide = _strips(plates.texts.to(device), letters, device)
    count, tall, most = ink.shape
    _, height, width = mask.shape
    x0, y0, _, y1 = plates.boxes.unbind(1)
    left = x0.round().long().clamp(min=0).minimum((width - wide).clamp(min=0))
    above = y0.round().long() - tall
    inside = y0.clamp(0, height).minimum(y1).round().long()
    top = torch.where(above >= 0, above, inside).clamp(min=0).clamp(max=max(0, height - tall))
    row = torch.arange(tall, device=device)[None, :, None]
    column = torch.arange(most, device=device)[None, None]
    x, y = left[:, None, None] + column, top[:, None, None] + row
    plate = torch.arange(count, device=device)[:, None, None].expand(count, tall, most)
    kept = ((column < wide[:, None, None]) & (x < width) & (y < height)).flatten().nonzero()[:, 0]
    pixel = ((plates.frame[:, None, None] * height + y) * width + x).flatten()[kept]
    plate = plate.flatten()[kept]
    order = plates.order[plate]
    uppermost = torch.full((mask.numel(),), -1, dtype=order.dtype, device=device)
    uppermost.scatter_reduce_(0, pixel, order, "amax")
    top_ones = (uppermost[pixel] == order).nonzero()[:, 0]
    pixel, plate, kept = pixel[top_ones], plate[top_ones], kept[top_ones]
    written = ink.flatten()[kept][:, None]
    colour = plates.colour[plate]
    bright = colour @ colour.new_tensor(_LUMA) > _BRIGHT
    text = torch.where(bright, 0.0, 1.0)[:, None]
    image.view(-1, 3)[pixel] = colour + (text - colour) * written
    mask.view(-1)[pixel] = 1.0


def _strips(texts: Tensor, letters: Glyphs, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the plates' texts as ink [N,h,W], and how wide each plate is [N] px."""
    pictures, advance = letters.ink.to(device), letters.advance.to(device)[texts]  # [N,L]
    _, tall, wide = pictures.shape
    margin = max(1, tall // 6)
    ends = advance.cumsum(1)
    widths = ends[:, -1] + 2 * margin
    most = int(widths.max()) + wide  # room for what a letter's picture has beyond its advance
    high = tall + 2 * (margin // 2)
    strips = torch.zeros(len(texts), high * most, device=device)
    start = ends - advance + margin
    rows = (torch.arange(tall, device=device) + margin // 2)[:, None] * most
    at = start[..., None, None] + rows + torch.arange(wide, device=device)  # [N,L,h,w]
    strips.scatter_reduce_(1, at.flatten(1), pictures[texts].flatten(1), "amax")
    return strips.view(len(texts), high, most)[..., : most - wide], widths
