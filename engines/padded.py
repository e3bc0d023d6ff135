"""What values with a number of places per frame share, such as people and boxes in frames."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

from .checks import check_shape
from .errors import InputError
from .words import counted

Some = TypeVar("Some", bound="Padded")


class Padded:
    """Base of frozen dataclasses of F frames with P places each.

    Their tensors are [F,P,...], among them `scores` [F,P], but for `count` [F] int64, how many
    places of a frame are taken, the first ones. `canvas` is the height and width in pixels of the
    frames that coordinates refer to. Other fields are alike for all frames.
    """

    scores: Tensor
    count: Tensor
    canvas: tuple[int, int]

    _EMPTY: ClassVar[Mapping[str, float]] = {}  # what stands in an empty place, if not 0

    def __len__(self) -> int:
        return self.frame_count

    @property
    def frame_count(self) -> int:
        """How many frames there are."""
        return self.scores.shape[0]

    @property
    def device(self) -> torch.device:
        return self.scores.device

    @property
    def present(self) -> Tensor:
        """[F,P] bool: which places are taken."""
        places = torch.arange(self.scores.shape[1], device=self.device)
        return places[None] < self.count[:, None]

    def need_frames(self, name: str, frames: Tensor) -> None:
        """Raise `InputError`, which begins with `name`, unless these were found in `frames`
        [F,H,W,C]."""
        high, wide = frames.shape[1:3]
        if (len(self), self.canvas) != (len(frames), (high, wide)):
            raise InputError(
                f"{name}: found in {counted(len(self), 'frame')} of "
                f"{self.canvas[1]}x{self.canvas[0]}, but image holds {len(frames)} of "
                f"{wide}x{high}; connect the same frames"
            )

    def slice(self: Some, start: int, stop: int) -> Some:
        """Return the frames from `start` up to but not including `stop`, without copying."""
        return self._each(lambda _, values: values[start:stop])

    def with_places(self: Some, places: int) -> Some:
        """Return the same with at least so many places per frame."""
        more = places - self.scores.shape[1]
        if more <= 0:
            return self

        def widened(name: str, values: Tensor) -> Tensor:
            if values.ndim == 1:
                return values
            value = self._EMPTY.get(name, 0)
            empty = values.new_full((len(values), more, *values.shape[2:]), value)
            return torch.cat([values, empty], 1)

        return self._each(widened)

    def to(self: Some, device: torch.device | str) -> Some:
        """Return the same on `device`."""
        if self.device == torch.device(device):
            return self
        return self._each(lambda _, values: values.to(device))

    def _each(self: Some, change: Callable[[str, Tensor], Tensor], **others: Any) -> Some:
        """Return the same with every tensor changed, by its name, and `others` replaced."""
        made = {name: change(name, values) for name, values in self._tensors()}
        return replace(self, **made, **others)  # type: ignore[type-var] # of dataclasses

    def _tensors(self) -> list[tuple[str, Tensor]]:
        named = ((field.name, getattr(self, field.name)) for field in fields(self))  # type: ignore[arg-type]
        return [(name, value) for name, value in named if isinstance(value, Tensor)]

    def _joined(self: Some, chunks: Sequence[Some], **others: Any) -> Some:
        """Return chunks as one, with as many places per frame as the widest has."""
        most = max(chunk.scores.shape[1] for chunk in chunks)
        wide = [chunk.with_places(most) for chunk in chunks]
        return self._each(lambda name, _: torch.cat([getattr(c, name) for c in wide]), **others)

    def _check_together(self, first: str) -> None:
        """Raise `InputError` for tensors that do not fit the tensor `first` [F,P,...].

        That is for boxes, scores, tracks, classes and a count of another shape, for any tensor on
        another device, for tracks, classes and a count that are not int64, and for a canvas without
        pixels.
        """
        kind, like, tensors = type(self).__name__, getattr(self, first), self._tensors()
        frames, places = like.shape[:2]
        whole = {"track_ids": (frames, places), "classes": (frames, places), "count": (frames,)}
        shapes = {"boxes": (frames, places, 4), "scores": (frames, places), **whole}
        for name, values in tensors:
            if name in shapes:
                check_shape(f"{kind}.{name}", values, shapes[name])
        for name, values in tensors:
            if values.device != like.device:
                raise InputError(
                    f"{kind}.{name}: expected on {like.device}, found on {values.device}"
                )
        for name, values in tensors:
            if name in whole and values.dtype != torch.int64:
                raise InputError(f"{kind}.{name}: expected int64, found {values.dtype}")
        if min(self.canvas) < 1:
            raise InputError(f"{kind}.canvas: expected height and width >= 1, found {self.canvas}")
