"""How sharp and how grainy frames are around faces, measured at their own resolution."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry.camera import Camera
from ...head.canonical import canonical_face
from ..mesh.instances import turned
from .heads_found import HeadsFound, projected

_TILES = 8  # per side of a face's box
_TILE = 24  # px
_REACH = 3  # px at each side of a tile that blurring it again takes
_LUMA = (0.2126, 0.7152, 0.0722)
_EDGES = 0.04  # of all pixels, those with the steepest gradients
_SHARPEST = 0.25  # quantile of the edges' widths: soft things have soft edges in any lens
_FLATTEST = 0.2  # quantile of the tiles' grain: the others have texture
_DIFFERENCE = 1 / 3  # px², what taking differences over 2 px adds to a blur
_EDGE_CONTRAST = 0.04  # least gradient of an edge, per px: others say nothing
_MOST_BLUR = 6.0  # px
_MOST_GRAIN = 0.15


@dataclass(frozen=True)
class Look:
    """Of F frames.

    blur:  [F] px, the Gaussian blur that a sharp edge has, 0 where there is no edge
    grain: [F] 0..1, standard deviation of noise in luma
    seed:  [F] int64 from the pixels looked at: another frame, another seed
    """

    blur: Tensor
    grain: Tensor
    seed: Tensor

    def at(self, frames: slice) -> "Look":
        """Return the same of some of the frames."""
        return Look(self.blur[frames], self.grain[frames], self.seed[frames])


def look_of_frames(frames: Tensor, heads: HeadsFound, camera: Camera) -> Look:
    """Measure `frames` [F,H,W,3] at the largest face of each; 0 where there is none."""
    face = canonical_face().vertices.to(frames.device)
    points = projected(
        turned(face, heads.rotation) + heads.translation[:, None], heads.frame, camera
    )
    boxes = torch.cat(list(points.aminmax(dim=1)), 1)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    count = len(frames)
    most = area.new_zeros(count).scatter_reduce(0, heads.frame, area, "amax")
    number = torch.arange(len(heads), device=area.device)
    largest = torch.full((count,), -1, device=area.device).scatter_reduce(
        0, heads.frame, number.where(area == most[heads.frame], -1), "amax"
    )
    frame = (largest >= 0).nonzero().squeeze(1)
    tiles = _tiles(frames, frame, boxes[largest[frame]])  # [N,T,S,S]

    def spread(values: Tensor) -> Tensor:
        return values.new_zeros(count).index_copy(0, frame, values)

    return Look(spread(_blur(tiles)), spread(_grain(tiles)), spread(_seed(tiles)))


def _tiles(frames: Tensor, frame: Tensor, boxes: Tensor) -> Tensor:
    """Return the luma [N,T,S,S] of tiles that are spread over boxes, inside the frames."""
    size = boxes.new_tensor([frames.shape[2], frames.shape[1]])
    tile = int(min(_TILE, *frames.shape[1:3]))
    low, high = boxes.split(2, 1)
    low, high = torch.minimum(low.clamp(min=0), size), torch.minimum(high.clamp(min=0), size)
    part = (torch.arange(_TILES, device=boxes.device) + 0.5) / _TILES
    middle = low[:, None] + (high - low)[:, None] * part[:, None]  # [N,tiles,2]
    first = (middle - tile / 2).round().clamp(min=0)
    first = torch.minimum(first, size - tile).long()
    inner = torch.arange(tile, device=boxes.device)
    x = first[:, None, :, 0, None, None] + inner  # [N,1,tiles,1,S]
    y = first[:, :, None, 1, None, None] + inner[:, None]  # [N,tiles,1,S,1]
    colours = frames[frame[:, None, None, None, None], y, x]
    red, green, blue = colours.float().unbind(-1)
    luma = red * _LUMA[0] + green * _LUMA[1] + blue * _LUMA[2]
    return luma.flatten(1, 2)


def _grain(tiles: Tensor) -> Tensor:
    """Return the noise [N] of the flattest tiles (Immerkaer's estimate)."""
    rows = tiles[..., 2:, :] - 2 * tiles[..., 1:-1, :] + tiles[..., :-2, :]
    second = rows[..., 2:] - 2 * rows[..., 1:-1] + rows[..., :-2]
    noise = second.abs().mean((2, 3)) * ((torch.pi / 2) ** 0.5 / 6)
    level = tiles.mean((2, 3))
    usable = (level > 0.04) & (level < 0.96)  # clipped pixels have no noise
    order = noise.masked_fill(~usable, torch.inf).sort(1).values
    which = ((usable.sum(1) * _FLATTEST).long()).clamp(max=order.shape[1] - 1)
    found = order.gather(1, which[:, None]).squeeze(1)
    return torch.where(found.isfinite(), found, 0.0).clamp(max=_MOST_GRAIN)


def _blur(tiles: Tensor) -> Tensor:
    """Return the blur [N] of the sharpest edges, from how much wider a known blur makes them."""
    if tiles.shape[-1] < 4 * _REACH:
        return tiles.new_zeros(len(tiles))
    again = _blurred_once(tiles)
    before, after = _slope(tiles[..., _REACH:-_REACH, _REACH:-_REACH]), _slope(again)
    before, after = before.flatten(1), after.flatten(1)
    count = max(8, int(before.shape[1] * _EDGES))
    steep, index = before.topk(count, 1)
    ratio = steep / after.gather(1, index).clamp(min=1e-6)
    width = (ratio.square() - 1).clamp(min=1e-3).reciprocal() - _DIFFERENCE  # px²
    is_edge = steep > _EDGE_CONTRAST
    order = width.masked_fill(~is_edge, torch.inf).sort(1).values
    which = (is_edge.sum(1) * _SHARPEST).long().clamp(max=count - 1)
    found = order.gather(1, which[:, None]).squeeze(1)
    return torch.where(found.isfinite(), found, 0.0).clamp(min=0).sqrt().clamp(max=_MOST_BLUR)


def _blurred_once(tiles: Tensor) -> Tensor:
    """Blur tiles by a Gaussian of 1 px; the edges are lost."""
    at = torch.arange(-_REACH, _REACH + 1, dtype=torch.float64)
    bell = (-at.square() / 2).exp()
    weights = (bell / bell.sum()).tolist()
    side = tiles.shape[-1] - 2 * _REACH
    rows = sum(w * tiles[..., k : k + side, :] for k, w in enumerate(weights))
    assert isinstance(rows, Tensor)
    found = sum(w * rows[..., k : k + side] for k, w in enumerate(weights))
    assert isinstance(found, Tensor)
    return found


def _slope(images: Tensor) -> Tensor:
    x = images[..., 1:-1, 2:] - images[..., 1:-1, :-2]
    y = images[..., 2:, 1:-1] - images[..., :-2, 1:-1]
    return torch.hypot(x, y) / 2


def _seed(tiles: Tensor) -> Tensor:
    """Return a number [N] that depends on every pixel."""
    levels = (tiles.flatten(1) * 255).round().long()
    place = torch.arange(1, levels.shape[1] + 1, device=tiles.device)
    return (levels * (place * 2654435761 % 65521)).sum(1) & 0x7FFFFFFF
