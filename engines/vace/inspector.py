"""Inspection of the input of a VACE model that comes in chunks."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..sequence import state_type
from .inspection import found_in, in_lines
from .inspection.content import tally
from .inspection.flicker import areas_of, coverage
from .normalise import GENERATE, NEUTRAL
from .presets import Preset
from .preview import Seen, see


@state_type()
@dataclass(frozen=True)
class Inspected:
    """What was counted in the chunks so far.

    size:      height and width of the images; seen: those that the model is given
    mask:      height and width of the masks, or None
    images:    how many came
    counts:    see `tally`
    limits:    [2] lowest and highest value of the images; [2] of the masks, or None
    whole:     [F] the part of each frame that is generated
    always:    [H,W] what is generated in every frame
    reference: [N,h,w,3] or None
    """

    size: tuple[int, int]
    seen: tuple[int, int]
    channels: int
    mask: tuple[int, int] | None
    images: int
    counts: list[int]
    limits: tuple[Tensor, Tensor | None]
    whole: Tensor
    always: Tensor
    reference: Tensor | None


@dataclass
class Inspector:
    """`inspection.warnings` and `inspection.report` of chunks, as of the whole clip; there is a
    mask for every image, or none at all.

    width, height, length: as WanVaceToVideo is set; 0 = the image's own
    """

    width: int = 0
    height: int = 0
    length: int = 0
    state: Inspected | None = None

    def update(
        self, image: Tensor, mask: Tensor | None = None, reference: Tensor | None = None
    ) -> None:
        """Look at the next images [F,H,W,3] and masks [F,h,w]."""
        before = self.state
        done = 0 if before is None else before.images
        used = max(0, min(len(image), self.length - done)) if self.length else len(image)
        seen = self._see(image[:1], mask if mask is None else mask[:1], reference)
        shape = (seen.mask.shape[1], seen.mask.shape[2])
        counts = [0] * 8
        whole, always = torch.empty(0), torch.ones(shape, dtype=torch.bool)
        if used:
            seen = self._see(image[:used], mask if mask is None else mask[:used])
            counts = tally(seen)
            whole, always = coverage(seen.mask)
        limits = (_limits(image), None if mask is None else _limits(mask))
        if before is not None:
            counts = [a + b for a, b in zip(before.counts, counts, strict=True)]
            whole, always = torch.cat([before.whole, whole]), before.always & always
            limits = (
                _limits(torch.cat([before.limits[0], limits[0]])),
                None
                if limits[1] is None or before.limits[1] is None
                else _limits(torch.cat([before.limits[1], limits[1]])),
            )
        self.state = Inspected(
            (image.shape[1], image.shape[2]),
            shape,
            image.shape[3],
            None if mask is None else (mask.shape[1], mask.shape[2]),
            done + len(image),
            counts,
            limits,
            whole,
            always,
            reference,
        )

    def _see(self, image: Tensor, mask: Tensor | None, reference: Tensor | None = None) -> Seen:
        return see(image, mask, width=self.width, height=self.height, reference=reference)

    def finish(self, *, fps: float, model: Preset) -> tuple[tuple[str, ...], str]:
        """Return the warnings and the report; for the arguments see `inspection.warnings`."""
        state = self.state
        assert state is not None  # some frames came
        frames, counts, whole = self.length or state.images, state.counts, state.whole
        missing = frames - len(whole)
        if missing > 0:
            grey = torch.full((1, *state.seen, 3), NEUTRAL)
            one = tally(Seen(grey, torch.full((1, *state.seen), GENERATE), None))
            counts = [a + missing * b for a, b in zip(counts, one, strict=True)]
            whole = torch.cat([whole, whole.new_ones(missing)])
        # only their shapes are looked at
        image = torch.empty(1).expand(state.images, *state.size, state.channels)
        mask = None if state.mask is None else torch.empty(1).expand(state.images, *state.mask)
        found = found_in(
            (frames, *state.seen),
            image,
            mask,
            limits=state.limits,
            areas=None if mask is None else areas_of(whole, state.always),
            counts=counts,
            reference=state.reference,
            fps=fps,
            model=model,
        )
        has = state.reference is not None
        generated = counts[0] / counts[1]
        return found, in_lines(
            (frames, *state.seen), generated, found, reference=has, fps=fps, model=model
        )


def _limits(values: Tensor) -> Tensor:
    """Return the lowest and the highest value [2]; NaN if there is one."""
    return torch.stack(values.aminmax())
