"""What is wrong with the input of a VACE model: what it is, why it matters, and the cure."""

from collections.abc import Sequence

from torch import Tensor

from ...words import counted
from ..masks import SPLIT
from ..presets import PRESETS, Preset
from ..preview import Seen
from .content import Content, content_warnings, tally
from .flicker import Areas, areas_of, coverage, flicker_warnings
from .shapes import (
    count_warnings,
    length_warnings,
    rate_warnings,
    shape_warnings,
    side_warnings,
    value_warnings,
)

VACE = PRESETS["none"]  # the grid and the rate of Wan, with frames of any size


def warnings(
    seen: Seen,
    image: Tensor,
    mask: Tensor | None,
    *,
    reference: Tensor | None = None,
    fps: float = 0.0,
    model: Preset = VACE,
) -> tuple[str, ...]:
    """Return warnings about the input of a model, one line each; none if it is in order.

    seen, image, mask, reference: what `preview.see` returned, and what it was given
    fps:   frames per second of the clip; 0: unknown, not looked at
    model: its lengths, its sides and its frame rate

    Some are guesses from a sample of pixels: a mask that looks inverted, a control that looks like
    footage, a detector that lost a person.
    """
    areas = None if mask is None else areas_of(*coverage(seen.mask))
    frames, height, width = seen.mask.shape
    return found_in(
        (frames, height, width),
        image,
        mask,
        limits=(image, mask),
        areas=areas,
        counts=tally(seen),
        reference=reference,
        fps=fps,
        model=model,
    )


def found_in(
    shape: tuple[int, int, int],
    image: Tensor,
    mask: Tensor | None,
    *,
    limits: tuple[Tensor, Tensor | None],
    areas: Areas | None,
    counts: Sequence[int],
    reference: Tensor | None,
    fps: float,
    model: Preset,
) -> tuple[str, ...]:
    """Return `warnings` from what was counted.

    shape:       frames, height and width that the model is given
    image, mask: whose shapes are looked at, nothing else
    limits:      of both their lowest and highest values, among others or alone
    areas:       see `areas_of`; None without a mask
    counts:      see `tally`
    """
    frames, height, width = shape
    found = [
        *length_warnings(frames, model),
        *count_warnings(frames, image, mask),
        *side_warnings(height, width, model.side),
        *shape_warnings((height, width), image, mask, reference),
        *value_warnings("image", limits[0]),
        *(value_warnings("mask", limits[1]) if limits[1] is not None else ()),
        *rate_warnings(fps, model.fps),
    ]
    if areas is not None:
        found += flicker_warnings(*areas)
    found += content_warnings(Content.of(counts), has_reference=reference is not None)
    return tuple(found)


def report(seen: Seen, found: tuple[str, ...], *, fps: float = 0.0, model: Preset = VACE) -> str:
    """Return what the model is given, and the warnings `found`, a line each."""
    frames, height, width = seen.mask.shape
    generated = float((seen.mask > SPLIT).float().mean())
    has = seen.reference is not None
    return in_lines((frames, height, width), generated, found, reference=has, fps=fps, model=model)


def in_lines(
    shape: tuple[int, int, int],
    generated: float,
    found: tuple[str, ...],
    *,
    reference: bool,
    fps: float,
    model: Preset,
) -> str:
    """Return `report` from numbers; generated: part of the pixels, 0..1."""
    frames, height, width = shape
    makes = f", the model makes {model.fps:g} fps" if model.fps else ""
    speed = f"at {fps:g} fps" if fps else f"(frame rate unknown{makes})"
    head = f"{width}x{height}, {counted(frames, 'frame')} {speed}, {generated:.0%} generated"
    if reference:
        head += ", 1 reference"
    if not found:
        return f"{head}\nno warnings"
    many = counted(len(found), "warning")
    return "\n".join([head, f"{many}:", *(f"- {line}" for line in found)])
