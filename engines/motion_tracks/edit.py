"""Choose among tracks, and smooth them."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_masks
from ..errors import InputError
from ..words import counted
from .choices import CHOSEN_BY, EDGES
from .points import within
from .tracks import MotionTracks


def in_region(tracks: MotionTracks, mask: Tensor, side: str = "inside") -> MotionTracks:
    """Return the tracks that begin inside or outside a mask [F,H,W] 0..1, of which the first frame
    counts; it may have any size, and is stretched over the canvas.

    Raises `InputError` for an empty mask, an unknown side, and if no track is left.
    """
    if side not in EDGES:
        raise InputError(f"region side: expected one of {', '.join(EDGES)}, found {side!r}")
    check_masks("region", mask)
    high, wide = mask.shape[1:]
    scale = tracks.path.new_tensor([wide / tracks.canvas[1], high / tracks.canvas[0]])
    inside = within(tracks.path[0] * scale, mask.to(tracks.path.device), (high, wide))
    return _left(tracks, inside if side == "inside" else ~inside, f"begins {side} the region")


def moving(tracks: MotionTracks, least: float) -> MotionTracks:
    """Return the tracks that are at least so many px long. Raises `InputError` if none is."""
    longest = float(tracks.lengths.max()) if tracks.point_count else 0.0
    return _left(
        tracks, tracks.lengths >= least, f"is {least:g} px long; the longest is {longest:.1f}"
    )


def chosen(tracks: MotionTracks, most: int, by: str = "longest") -> MotionTracks:
    """Return at most so many tracks, in their order.

    by: longest, shortest: by how far they travel. even: every so many-th

    Raises `InputError` for an unknown order and less than one track.
    """
    if by not in CHOSEN_BY:
        raise InputError(f"by: expected one of {', '.join(CHOSEN_BY)}, found {by!r}")
    if most < 1:
        raise InputError(f"keep: expected at least 1 track, found {most}")
    if tracks.point_count <= most:
        return tracks
    if by == "even":
        numbers = torch.linspace(0, tracks.point_count - 1, most).round().long()
    else:
        order = tracks.lengths.sort(descending=by == "longest", stable=True).indices
        numbers = order[:most].sort().values
    return tracks.only(numbers.to(tracks.path.device))


def smoothed(tracks: MotionTracks, frames: float) -> MotionTracks:
    """Return the tracks with their places smoothed by weighted local lines: straight, even motion
    stays as it is, at its ends and beside gaps, too.

    frames: standard deviation of the weights; 0: nothing is smoothed

    Raises `InputError` for a negative or infinite one.
    """
    if not 0 <= frames <= 1000:
        raise InputError(f"smooth: expected 0 to 1000 frames, found {frames:g}")
    if frames == 0:
        return tracks
    reach = min(tracks.frame_count, max(1, round(3 * frames)))
    step = torch.arange(-reach, reach + 1, dtype=torch.float64, device=tracks.path.device)
    weight = torch.exp(-((step / frames) ** 2) / 2)
    seen = tracks.visible.T[:, None].double()  # [N,1,T]
    place = tracks.path.permute(1, 2, 0).double() * seen  # [N,2,T]

    def sums(values: Tensor, power: int) -> Tensor:
        kernel = (weight * step**power)[None, None]
        flat = F.conv1d(values.flatten(0, 1)[:, None], kernel, padding=reach)
        return flat[:, 0].view(values.shape)

    zero, one, two = (sums(seen, power) for power in range(3))
    spread = zero * two - one * one
    line = (two * sums(place, 0) - one * sums(place, 1)) / spread.clamp(min=1e-12)
    mean = sums(place, 0) / zero.clamp(min=1e-12)
    found = torch.where(spread > 1e-9, line, mean).permute(2, 0, 1).float()
    return replace(tracks, path=torch.where(tracks.visible[..., None], found, tracks.path)).held()


def _left(tracks: MotionTracks, keep: Tensor, what: str) -> MotionTracks:
    if not bool(keep.any()):
        raise InputError(
            f"tracks: none of {counted(tracks.point_count, 'track')} {what}; choose another limit"
        )
    return tracks.only(keep)
