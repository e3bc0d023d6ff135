"""Normalise a clip that comes in chunks of any length."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from ..geometry.placement import Size
from ..sequence import state_type
from .fitting import Fitting, as_frames
from .normalise import Normalised, check_mask_count
from .placement import ClipPlacement
from .settings import ClipSettings


@dataclass(frozen=True)
class _Frames:
    """Prepared frames [F,H,W,3], masks [F,H,W] and their source frames [F]."""

    image: Tensor
    mask: Tensor
    indices: Tensor

    def __getitem__(self, part: slice) -> "_Frames":
        return _Frames(self.image[part], self.mask[part], self.indices[part])

    def __len__(self) -> int:
        return len(self.indices)

    def copied(self) -> "_Frames":
        """Copy into separate memory: a slice would keep the whole chunk."""
        return _Frames(self.image.clone(), self.mask.clone(), self.indices)


@state_type()
@dataclass(frozen=True)
class NormaliserState:
    """What a normaliser knows between two chunks; opaque, to be passed to one of equal settings.

    source: height and width of the frames; seen: frames of the clip; ready: prepared ones, those
    held back included; held, last: prepared images, masks and indices, or None
    """

    source: Size
    seen: int
    ready: int
    held: tuple[Tensor, Tensor, Tensor] | None
    last: tuple[Tensor, Tensor, Tensor] | None


class Normaliser:
    """`normalise` for chunks: what `update` and `finish` give, one after the other, is the same.

    Memory does not grow with the clip. Each `Normalised` has the placement of its own frames, their
    indices counted from the first frame of the clip. References do not depend on the chunk:
    `fit_references(images, normalised.size)`.

    Raises `InputError` for the length mode spread, which needs the whole clip.
    """

    def __init__(self, settings: ClipSettings):
        if settings.length_mode == "spread":
            raise InputError(
                "length_mode: spread needs the whole clip, which does not come in chunks; choose "
                "repeat_last, pad or cut"
            )
        self._settings = settings
        self._sampling = settings.sampling
        self.reset()

    def reset(self) -> None:
        """Start another clip, of any size, with the next chunk."""
        self._fitting: Fitting | None = None
        self._seen = 0  # frames of the clip
        self._ready = 0  # prepared frames, those held back included
        self._held: _Frames | None = None  # prepared, but perhaps to be cut off
        self._last: _Frames | None = None  # the last that went out, to be repeated

    @property
    def state(self) -> NormaliserState | None:
        """What another goes on with; None at the beginning of a clip."""
        if self._fitting is None:
            return None
        held, last = (
            None if frames is None else (frames.image, frames.mask, frames.indices)
            for frames in (self._held, self._last)
        )
        return NormaliserState(self._fitting.source, self._seen, self._ready, held, last)

    @state.setter
    def state(self, state: NormaliserState | None) -> None:
        self.reset()
        if state is not None:
            self._fitting_for(state.source)
            self._seen, self._ready = state.seen, state.ready
            self._held, self._last = (
                None if frames is None else _Frames(*frames) for frames in (state.held, state.last)
            )

    def update(self, image: Tensor, mask: Tensor | None = None) -> Normalised | None:
        """Take the next chunk; return the prepared frames that are ready, or None.

        image: [F,H,W,3] (or grey) as in `normalise`, of the size of the first chunk
        mask:  [F,h,w], [1,h,w] or None

        With the length mode cut and no length, less than a step of frames are held back.
        """
        image, exact = as_frames("image", image)
        frames, height, width = image.shape[:3]
        check_mask_count(mask, frames)
        fitting = self._fitting_for((height, width))
        before, self._seen = self._seen, self._seen + frames
        start, stop = self._ready, self._count(self._seen)
        if stop <= start:
            return None
        self._ready = stop
        indices = (
            torch.arange(start, stop)
            if self._sampling is None
            else self._sampling.indices(start, stop)
        )
        here, count = indices - before, stop - start
        ready = _Frames(
            fitting.images(image, here, count, exact=exact, pad=False),
            fitting.masks(mask, here, count, like=image, pad=False),
            indices,
        )
        if self._settings.length_mode == "cut" and not self._settings.length:
            return self._all_but_the_rest(ready, fitting)
        self._last = ready[-1:].copied()
        return self._normalised(ready, fitting, kept=count)

    def finish(self) -> Normalised | None:
        """Return the frames that complete the length, or None; the next chunk begins another clip.

        Raises `InputError` if there were no frames, or too few for the length asked for.
        """
        fitting, last = self._fitting, self._last
        if fitting is None:
            raise InputError("image: no frames; give at least one image before the end")
        try:
            return self._rest(fitting, last)
        finally:
            self.reset()

    def _rest(self, fitting: Fitting, last: "_Frames | None") -> Normalised | None:
        outside = self._settings.outside
        more = self._settings.length_for(self._ready, fitting.target) - self._ready
        if more <= 0 or last is None:
            return None
        if self._settings.fills:
            filling = _Frames(
                torch.full_like(last.image, outside.image),
                torch.full_like(last.mask, outside.mask),
                torch.full_like(last.indices, -1),
            )
        else:
            filling = last
        ready = _Frames(
            filling.image.repeat(more, 1, 1, 1),
            filling.mask.repeat(more, 1, 1),
            filling.indices.repeat(more),
        )
        return self._normalised(ready, fitting, kept=0)

    def _count(self, frames: int) -> int:
        """Return prepared frames that the first `frames` of the clip give."""
        count = frames if self._sampling is None else self._sampling.count(frames)
        return min(count, self._settings.length or count)

    def _fitting_for(self, source: Size) -> Fitting:
        if self._fitting is None:
            target = self._settings.size_for(source)
            self._fitting = Fitting(source, target, self._settings.fit, self._settings.outside)
        if source != self._fitting.source:
            tall, wide = self._fitting.source
            raise InputError(
                f"image: expected frames of {wide}x{tall} as in the first chunk, found "
                f"{source[1]}x{source[0]}"
            )
        return self._fitting

    def _all_but_the_rest(self, ready: _Frames, fitting: Fitting) -> Normalised | None:
        """Hold back frames that more frames may yet complete, in the length mode cut."""
        if self._held is not None:
            ready = _Frames(
                torch.cat([self._held.image, ready.image]),
                torch.cat([self._held.mask, ready.mask]),
                torch.cat([self._held.indices, ready.indices]),
            )
        rest = self._ready - self._settings.model.below(self._ready)
        whole = len(ready) - rest
        self._held = ready[whole:].copied() if rest else None
        return self._normalised(ready[:whole], fitting, kept=whole) if whole else None

    def _normalised(self, ready: _Frames, fitting: Fitting, *, kept: int) -> Normalised:
        placement = ClipPlacement(
            source=fitting.source,
            target=fitting.target,
            fit=fitting.fit,
            frame_count=self._seen,
            indices=ready.indices,
            kept=kept,
            step=self._settings.model.step,
            fps=self._settings.fps,
            rate=self._settings.rate,
            offset=self._settings.model.offset,
            preset=self._settings.preset,
        )
        return Normalised(ready.image, ready.mask, placement)
