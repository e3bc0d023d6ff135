"""Occlusion by forward-backward consistency, and warping along a flow."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_frames
from ..errors import InputError
from ..words import counted
from .choices import ONTO
from .flow import Flow
from .speeds import blocks, fastest

# Sundaram, Brox and Keutzer, Dense Point Trajectories by GPU-accelerated Large Displacement Optical
# Flow, 2010: forward and backward flow must cancel up to this part of their length, plus so many
# px².
_PART, _SLACK = 0.01, 0.5
_SLOW = 1e-3  # cells², the weight of a still cell


@dataclass(frozen=True)
class Occlusion:
    """What neighbouring frames do not share, [frames,H,W] each.

    lost:       0 or 1: what the next frame hides; nothing in the last frame
    new:        0 or 1: what the frame before did not show; nothing in the first frame of a clip
    confidence: 0..1: how well backward and forward flow agree: 1 exactly, 1/e where a pixel counts
                as hidden, 0 beyond the picture; 1 in the first frame of a clip
    """

    lost: Tensor
    new: Tensor
    confidence: Tensor


def occlusion(flow: Flow) -> Occlusion:
    """Find the occlusion of a clip or chunk, frame by frame.

    The last frame of a chunk has nothing lost, as the frame after it is in the next chunk.
    Raises `InputError` for a flow without one of its directions, and for one that is not finite.
    """
    forward, backward = _both(flow)
    before = flow.frame_count - len(flow)
    lost, new, confidence = (flow.main.new_zeros(flow.frame_count, *flow.size) for _ in range(3))
    confidence[:before] = 1
    for at, rows in blocks(flow.main):
        block = (slice(at.start + before, at.stop + before), rows)
        new[block], confidence[block] = _hidden(backward[at], forward[at], rows)
    begun = 1 - before  # the first pair that begins in one of these frames
    _hiding(forward[begun:], backward[begun:], lost[:-1])
    return Occlusion(lost, new, confidence)


def warp_clip(
    images: Tensor, flow: Flow, onto: str = "previous onto this"
) -> tuple[Tensor, Tensor]:
    """Warp the neighbouring frame onto each frame of a clip [F,H,W,3] 0..1, on the flow's device;
    return it with masks [F,H,W], 0 or 1, of what the neighbour does not show.

    onto: previous onto this: frame i - 1 warped onto frame i, along the backward flow. next onto
          this: frame i + 1 warped onto frame i, along the forward flow.

    The first frame (the last for next onto this) has no such neighbour and is returned unchanged.
    The mask marks what the neighbour hides if the flow has both directions, else what comes from
    beyond its edge.
    Raises `InputError` for images that are not the flow's frames, flow in the other direction only
    and flow that is not finite.
    """
    if onto not in ONTO:
        raise InputError(f"onto: expected one of {', '.join(ONTO)}, found {onto!r}")
    check_frames("image", images)
    count, (height, width) = flow.frame_count, flow.size
    if images.shape[:3] != (count, height, width):
        raise InputError(
            f"image: expected the {counted(count, 'frame')} of {width}x{height} of the flow, found "
            f"{images.shape[0]} of {images.shape[2]}x{images.shape[1]}; connect the frames that "
            "the flow was estimated from"
        )
    before = onto == "previous onto this"
    there = flow.one("backward" if before else "forward")
    back = flow.forward if before else flow.backward
    inner = slice(len(flow) - (count - 1), None)  # pairs of which both frames are here
    fastest(there)
    image = torch.empty(images.shape, dtype=images.dtype, device=flow.device)
    unknown = there.new_zeros(count, height, width)
    source, target, own = (slice(0, -1), slice(1, None), 0)
    if not before:
        source, target, own = target, source, -1
    image[own] = images[own]
    _warp(images[source], there[inner], image[target])
    if back is None:
        _leaving(there[inner], unknown[target])
    else:
        fastest(back)
        _hiding(there[inner], back[inner], unknown[target])
    return image, unknown


def _warp(images: Tensor, flow: Tensor, out: Tensor) -> None:
    """Look images [N,H,W,C] up along flows [N,2,H,W] px: out[y, x] = image[y + v, x + u].

    Bilinear; beyond the edge the edge's colour.
    """
    for at, rows in blocks(flow):
        image = images[at].to(flow.device, torch.float32).movedim(-1, 1)
        out[at, rows] = _looked_up(image, _places(flow[at], rows)).movedim(1, -1)


def _hiding(there: Tensor, back: Tensor, out: Tensor) -> None:
    """Write which pixels are hidden, 0 or 1, into `out` [N,H,W]."""
    for at, rows in blocks(there):
        out[at, rows], _ = _hidden(there[at], back[at], rows)


def _leaving(there: Tensor, out: Tensor) -> None:
    """Write which pixels leave the picture, 0 or 1, into `out` [N,H,W]."""
    for at, rows in blocks(there):
        out[at, rows] = _beyond(_places(there[at], rows), there)


def carried(flow: Tensor, stride: int, ways: Sequence[int]) -> Tensor:
    """Project flow [N,2,H,W] px forward along itself, at 1/stride of its size and in pixels of that
    size, as a start for the next pair.

    ways: for each of the N flows, 1 if it leads forward in time, -1 if backward

    Every cell moves to the cell nearest to its target. Where several meet, faster ones weigh more,
    as moving objects mostly pass in front; where none arrives, the flow is zero.
    """
    small = F.avg_pool2d(flow.float(), stride) / stride
    count, _, high, wide = small.shape
    y, x = (torch.arange(n, device=flow.device, dtype=torch.float32) for n in (high, wide))
    move = small * small.new_tensor(ways)[:, None, None, None]
    to_x, to_y = (x + move[:, 0]).round(), (y[:, None] + move[:, 1]).round()
    stays = (to_x >= 0) & (to_x < wide) & (to_y >= 0) & (to_y < high)
    # cells that leave the picture go to an extra cell at the end
    to = torch.where(stays, to_y * wide + to_x, high * wide).long().flatten(1)[:, None]
    landed = small.new_zeros(count, 3, high * wide + 1)
    weight = small.square().sum(1, keepdim=True) + _SLOW
    moving = torch.cat([small * weight, weight], 1).flatten(2)
    landed.scatter_add_(2, to.expand(-1, 3, -1), moving)
    mean = landed[:, :2, :-1] / landed[:, 2:, :-1].clamp(min=_SLOW)
    return mean.view(count, 2, high, wide)


def _both(flow: Flow) -> tuple[Tensor, Tensor]:
    if flow.forward is None or flow.backward is None:
        raise InputError(
            f"flow: expected flow in both directions, found {flow.direction} only; choose "
            "direction both in Estimate Flow"
        )
    fastest(flow.forward)
    fastest(flow.backward)
    return flow.forward, flow.backward


def _hidden(there: Tensor, back: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
    """Return [n,h,W] which pixels of some rows are hidden, and the confidence 0..1 of each.

    there, back: [n,2,H,W] px
    """
    places = _places(there, rows)
    way = there[:, :, rows]
    home = _looked_up(back, places)
    apart = (way + home).square_().sum(1)
    length = way.square().sum(1).add_(home.square_().sum(1))
    ratio = apart.div_(length.mul_(_PART).add_(_SLACK))
    leaves = _beyond(places, there)
    return (ratio > 1).logical_or_(leaves), ratio.neg_().exp_().masked_fill_(leaves, 0)


def _places(flow: Tensor, rows: slice) -> Tensor:
    """Return [n,2,h,W] x and y of where each pixel of some rows ends, in pixel centres."""
    _, _, height, width = flow.shape
    places = flow[:, :, rows].float().clone(memory_format=torch.contiguous_format)
    places[:, 0] += torch.arange(width, device=flow.device)
    places[:, 1] += torch.arange(height, device=flow.device)[rows, None]
    return places


def _beyond(places: Tensor, picture: Tensor) -> Tensor:
    """Return [n,h,W] whether a place lies beyond the picture [...,H,W].

    The picture reaches half a pixel beyond its outer centres: noise does not lead out of it.
    """
    height, width = picture.shape[-2:]
    x, y = places.unbind(1)
    return (x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5)


def _looked_up(values: Tensor, places: Tensor) -> Tensor:
    """Return values [n,C,H,W] at `places` [n,2,h,W]: [n,C,h,W]."""
    sides = values.new_tensor([values.shape[3], values.shape[2]])[:, None, None]
    grid = (places * 2).add_(1).div_(sides).sub_(1).permute(0, 2, 3, 1)
    return F.grid_sample(values, grid, padding_mode="border", align_corners=False)
