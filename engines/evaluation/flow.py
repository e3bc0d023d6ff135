"""Evaluate flow: end-point and angular errors, over all pixels and by speed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..checks import check_shape
from ..errors import InputError
from ..flow.flow import lengths
from .report import report

SCHEMA = 1
OUTLIERS = (1, 3, 5)  # px
# Bands of the true speed in px per frame, as MPI Sintel's s0-10, s10-40 and s40+ (Butler et al.,
# ECCV 2012), and what hardly moves, which is part of the first of them.
SPEEDS = {"0-1": (0.0, 1.0), "0-10": (0.0, 10.0), "10-40": (10.0, 40.0), "40+": (40.0, np.inf)}
# An outlier of KITTI 2015 is off by more than this many px and by this part of the true speed
# (Menze and Geiger, CVPR 2015: "Fl").
FL_PX, FL_PART = 3.0, 0.05

_GROUPS = ("all", "visible", "occluded", *SPEEDS)

# Medians come from counts of errors by size, which take the same memory for any number of pixels.
# Sizes are binned by exponent and leading bits of the mantissa, here to 0.4 %, between these
# limits in px.
_FINEST, _COARSEST = 2.0**-16, 2.0**16
_MANTISSA = 8
_SHIFT = 23 - _MANTISSA
_LOWEST = (127 - 16) << _MANTISSA
_SIZES = (32 << _MANTISSA) + 1


@dataclass(frozen=True)
class Truth:
    """The known motion of N pairs of frames.

    dataset, sequence: what they belong to in the report
    flow:     [N,2,H,W] x, y in pixels; row i says where each pixel of the first frame is in the
              second, also where that cannot be seen
    valid:    [N,H,W] bool: where it is known; nothing else counts
    occluded: [N,H,W] bool: pixels that the second frame does not show; None: not known

    Raises `InputError` when shapes do not fit together, and for a flow that is NaN or infinite
    where it is valid.
    """

    dataset: str
    sequence: str
    flow: Tensor
    valid: Tensor
    occluded: Tensor | None = None

    def __post_init__(self) -> None:
        check_shape("Truth.flow", self.flow, ("pairs", 2, "height", "width"))
        count, _, height, width = self.flow.shape
        for name in ("valid", "occluded"):
            mask: Tensor | None = getattr(self, name)
            if mask is None:
                continue
            check_shape(f"Truth.{name}", mask, (count, height, width))
            if mask.dtype != torch.bool:
                raise InputError(f"Truth.{name}: expected bool, found {mask.dtype}")
        self.check("truth", self.flow)

    def check(self, name: str, flow: Tensor) -> None:
        """Raise `InputError` for a flow of another shape, and one that is NaN or infinite where the
        truth is known."""
        check_shape(name, flow, self.flow.shape)
        if wrong := int((~flow.isfinite().all(1) & self.valid.to(flow.device)).sum()):
            raise InputError(
                f"{name} of {self.dataset}, {self.sequence}: expected numbers wherever the motion "
                f"is known, found NaN or infinity at {wrong} pixels"
            )


def end_point_errors(flow: Tensor, truth: Tensor) -> Tensor:
    """Return the end-point errors [N,H,W] px of flows [N,2,H,W]: the distance between where each
    pixel is said to go and where it goes (Otte and Nagel, ECCV 1994; EPE)."""
    return lengths(flow.float() - truth.float())


def angular_errors(flow: Tensor, truth: Tensor) -> Tensor:
    """Return the angles [N,H,W] in degrees between (u, v, 1) and the true (u, v, 1) of flows
    [N,2,H,W].

    The AE of Middlebury (Baker et al., IJCV 2011), after Barron, Fleet and Beauchemin, IJCV 1994;
    from sine and cosine, as the arc cosine of fp32 is off by up to 0.03 degrees near 0.
    """
    u, v = flow.float().unbind(1)
    p, q = truth.float().unbind(1)
    sine = torch.sqrt((v - q) ** 2 + (p - u) ** 2 + (u * q - v * p) ** 2)
    return torch.rad2deg(torch.atan2(sine, 1 + u * p + v * q))


def evaluate_flow(
    pairs: Iterable[tuple[Tensor, Truth]], *, about: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Judge flow [N,2,H,W] px, as estimated, by its truth, on the device of the flow.

    pairs: may be a generator: memory does not grow with their number
    about: further entries of `meta`, as JSON

    Returns the report, which is JSON: `total` and `datasets`, by name, with their `sequences`. Each
    has its number of `pairs` and figures over `all` pixels, those `visible` in the second frame and
    those `occluded` (where the truth tells them apart), and `speeds` (`SPEEDS`, by the truth):

    pixels:          how many count; the other figures are None where there are none
    epe, median_epe: px, see `end_point_errors`; the median to 0.2 %
    over_1px, over_3px, over_5px: shares of pixels that are further off, 0..1
    fl:              share of KITTI's outliers: off by more than 3 px and 5 % of the true speed
    angle:           mean of `angular_errors`, degrees

    All are taken over pixels, so that a large picture weighs more than a small one. Raises
    `InputError` for no pairs at all, for flow of another shape than the truth's, and for flow that
    is NaN or infinite where the truth is known.
    """
    tallies: dict[str, dict[str, _Tally]] = {}
    for flow, truth in pairs:
        truth.check("flow", flow)
        sequences = tallies.setdefault(truth.dataset, {})
        sequences.setdefault(truth.sequence, _Tally()).add(flow, truth)
    if not tallies:
        raise InputError("flow: expected pairs of frames with a known motion, found none")
    datasets = {}
    total = _Tally()
    for name, sequences in tallies.items():
        whole = _Tally()
        for tally in sequences.values():
            whole.join(tally)
        total.join(whole)
        parts = {sequence: tally.figures() for sequence, tally in sequences.items()}
        datasets[name] = {**whole.figures(), "sequences": parts}
    results = {
        "thresholds": {
            "outliers_px": list(OUTLIERS),
            "fl": {"px": FL_PX, "part": FL_PART},
            "speeds_px": {
                name: [low, high if np.isfinite(high) else None]
                for name, (low, high) in SPEEDS.items()
            },
        },
        "total": total.figures(),
        "datasets": datasets,
    }
    return report("flow", SCHEMA, results, about=about, packages=("numpy",))


class _Tally:
    """Sums and counts over the pixels of each of `_GROUPS`."""

    def __init__(self) -> None:
        self._pairs = 0
        # pixels, distances, further off than each of OUTLIERS, KITTI's outliers, angles
        self._sums = torch.zeros(len(_GROUPS), 4 + len(OUTLIERS), dtype=torch.float64)
        self._sizes = torch.zeros(len(_GROUPS), _SIZES, dtype=torch.int64)

    def add(self, flow: Tensor, truth: Truth) -> None:
        self._pairs += len(flow)
        valid = truth.valid.to(flow.device)
        right = truth.flow.to(flow.device).float()
        error, speed = end_point_errors(flow, right)[valid], lengths(right)[valid]  # [P]
        columns = [
            torch.ones_like(error),
            error,
            *(error > most for most in OUTLIERS),
            (error > FL_PX) & (error > FL_PART * speed),
            angular_errors(flow, right)[valid],
        ]
        values = torch.stack([column.double() for column in columns], 1)  # [P,K]
        hidden = None if truth.occluded is None else truth.occluded.to(flow.device)[valid]
        groups = _groups(speed, hidden)
        self._sums += (groups.double() @ values).cpu()
        sizes = (error.clamp(_FINEST, _COARSEST).view(torch.int32) >> _SHIFT) - _LOWEST
        counts = [torch.bincount(sizes[group], minlength=_SIZES) for group in groups]
        self._sizes += torch.stack(counts).cpu()

    def join(self, other: "_Tally") -> None:
        self._pairs += other._pairs
        self._sums += other._sums
        self._sizes += other._sizes

    def figures(self) -> dict[str, Any]:
        rows = dict(zip(_GROUPS, map(_figures, self._sums.tolist(), self._sizes), strict=True))
        return {
            "pairs": self._pairs,
            **{name: rows[name] for name in _GROUPS if name not in SPEEDS},
            "speeds": {name: rows[name] for name in SPEEDS},
        }


def _groups(speed: Tensor, hidden: Tensor | None) -> Tensor:
    """Return which of P pixels belong to which of `_GROUPS`, by their speed, [G,P] bool."""
    everything = torch.ones_like(speed, dtype=torch.bool)
    nothing = ~everything
    seen, hidden = (nothing, nothing) if hidden is None else (~hidden, hidden)
    bands = [(speed >= low) & (speed < high) for low, high in SPEEDS.values()]
    return torch.stack([everything, seen, hidden, *bands])


def _figures(sums: list[float], sizes: Tensor) -> dict[str, Any]:
    pixels = round(sums[0])
    names = ("epe", *(f"over_{most}px" for most in OUTLIERS), "fl", "angle")
    means = [value / pixels for value in sums[1:]] if pixels else [None] * len(names)
    figures = dict(zip(names, means, strict=True))
    return {
        "pixels": pixels,
        "epe": figures.pop("epe"),
        "median_epe": _median(sizes, pixels) if pixels else None,
        **figures,
    }


def _median(sizes: Tensor, pixels: int) -> float:
    """Return the median in px from the counts [S] of errors by size, assumed to be spread evenly
    within a size."""
    before = sizes.cumsum(0)
    place = int((before * 2 < pixels).sum())  # the first size at which half of them are reached
    there = int(sizes[place])
    part = (pixels / 2 - (int(before[place]) - there)) / there
    ends = torch.tensor([place, place + 1], dtype=torch.int32)
    low, high = ((ends + _LOWEST) << _SHIFT).view(torch.float32).tolist()
    return 0.0 if place == 0 else float(low + part * (high - low))
