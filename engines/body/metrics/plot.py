"""The changes of bodies over time, as a picture with a line for each track."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from .changes import MEASURES, Changes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE = (12.8, 9.6)  # inches at 100 dots: 1280x960 px
_DOTS = 100
_LONGEST_GAP = 1.5  # periods between two outputs that a line joins
_POINTS = 480  # of a line; more frames are averaged in this many spans of time
_NAMED = 10  # tracks that have a colour and a name; the others are grey
_MOVED = "speed"
_PANELS = {  # title, unit, measure; the last panel shows who is there
    "Pose change": ("degrees per second", "pose_speed"),
    "Translation": ("m per second", _MOVED),
    "Joint change, root-relative": ("mm per frame", "joint_root"),
    "Joint acceleration, root-relative": ("m/s²", "acceleration_root"),
    "Joint jerk, root-relative": ("m/s³", "jerk_root"),
}


def plot_changes(changes: Changes, period: float, *, relative: bool = True) -> Tensor:
    """Return a picture [1,960,1280,3] 0..1 of how steady bodies are over time, on the CPU.

    period:   s between two frames; changes over longer times do not count, as in summaries
    relative: whether translation is right up to a factor only
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure_of(changes, period, relative=relative))
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    return torch.from_numpy(pixels)[None].float() / 255


def figure_of(changes: Changes, period: float, *, relative: bool = True) -> Figure:
    """Return the same as a figure, whose panels have a line for each track."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, dpi=_DOTS, layout="constrained")
    panels = figure.subplots(3, 2, sharex=True).flatten().tolist()
    ids, group = changes.track.unique(return_inverse=True)
    colours = colormaps["tab10"].colors  # type: ignore[attr-defined] # of a list of colours
    for row, track in enumerate(ids.tolist()):
        own = changes.chosen(group == row)
        named = row < _NAMED
        colour = colours[row] if named else "0.75"
        for panel, (_, name) in zip(panels, _PANELS.values(), strict=False):
            when, values = _line(own, name, period)
            label = (str(track) if track >= 0 else "none") if named else None
            panel.plot(when, values, color=colour, linewidth=1.4, label=label)
        when, level = _presence(own, row, period)
        panels[-1].plot(when, level, color=colour, linewidth=5, solid_capstyle="butt")
    for panel, (title, (unit, name)) in zip(panels, _PANELS.items(), strict=False):
        assumed = relative and name == _MOVED
        scale = " (relative: the focal length is assumed)" if assumed else ""
        _dress(panel, title + scale, unit)
        panel.set_ylim(bottom=0)
    _dress(panels[-1], "In the picture", "track")
    panels[-1].set_yticks(range(len(ids))[:_NAMED])
    panels[-1].set_yticklabels(["none" if t < 0 else str(t) for t in ids.tolist()[:_NAMED]])
    panels[-1].set_ylim(-0.5, max(len(ids), 1) - 0.5)
    for panel in panels[-2:]:
        panel.set_xlabel("s")
    if len(ids):
        more = f" ({len(ids) - _NAMED} more are grey)" if len(ids) > _NAMED else ""
        lines, names = panels[0].get_legend_handles_labels()
        figure.legend(
            lines,
            names,
            title=f"track{more}",
            loc="outside upper center",
            ncols=_NAMED,
            frameon=False,
        )
    else:
        panels[0].text(0.5, 0.5, "nobody", ha="center", va="center", transform=panels[0].transAxes)
    return figure


def _dress(panel: Axes, title: str, unit: str) -> None:
    panel.set_title(title, fontsize=11, loc="left")
    panel.set_ylabel(unit)
    panel.grid(color="0.9")
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def _line(own: Changes, name: str, period: float) -> tuple[list[float], list[float]]:
    """Return times and values of a measure of one track, with NaN where the line breaks."""
    column = list(MEASURES).index(name)
    gap = own.gaps[:, MEASURES[name] - 1]
    value = own.values[:, column]
    value = torch.where((gap <= _LONGEST_GAP * period) & value.isfinite(), value, torch.nan)
    when, value = _binned(own.captured, value)
    return when.tolist(), value.tolist()


def _binned(when: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Return the means of values [N] in at most `_POINTS` spans of time; NaN where all are."""
    if len(when) <= _POINTS:
        return when, value
    span = (when[-1] - when[0]).clamp(min=1e-9) / _POINTS
    slot = ((when - when[0]) / span).long().clamp(max=_POINTS - 1)
    known = value.isfinite()
    empty = value.new_zeros(_POINTS)
    total = empty.index_add(0, slot, torch.where(known, value, 0.0))
    count = empty.index_add(0, slot, known.double())
    middle = when[0] + (torch.arange(_POINTS, dtype=when.dtype) + 0.5) * span
    return middle, total / count  # 0 / 0 is NaN


def _presence(own: Changes, row: int, period: float) -> tuple[list[float], list[float]]:
    """Return a level line at `row` wherever a track is, broken where it is not."""
    when = own.captured
    broken = own.gaps[1:, 0] > _LONGEST_GAP * period
    # Each stretch lasts till the end of its last frame.
    starts = torch.cat([when[:1], when[1:][broken]])
    ends = torch.cat([when[:-1][broken], when[-1:]]) + period
    nan = torch.full_like(starts, torch.nan)
    level = torch.full_like(starts, float(row))
    times: list[float] = torch.stack([starts, ends, nan], 1).flatten().tolist()
    levels: list[float] = torch.stack([level, level, nan], 1).flatten().tolist()
    return times, levels
