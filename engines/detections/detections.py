"""`Detections`: boxes that were found in frames."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_shape
from ..errors import InputError

_INTEGERS = ("classes", "count")


@dataclass(frozen=True)
class Detections:
    """Boxes in F frames, P places per frame, padded with a count.

    boxes:   [F,P,4] x0, y0, x1, y1 in pixels of the canvas; (0, 0) is its top left corner
    scores:  [F,P] 0..1, descending along P
    classes: [F,P] int64, the detector's number of what the box holds; 0 = a person
    count:   [F] int64, how many places of the frame hold a box; the others are zero
    canvas:  height and width in pixels of the frames that the coordinates refer to

    Raises `InputError` if shapes, devices or dtypes do not fit together.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    count: Tensor
    canvas: tuple[int, int]

    def __post_init__(self) -> None:
        check_shape("Detections.boxes", self.boxes, ("frames", "places", 4))
        frames, places = self.boxes.shape[:2]
        check_shape("Detections.scores", self.scores, (frames, places))
        check_shape("Detections.classes", self.classes, (frames, places))
        check_shape("Detections.count", self.count, (frames,))
        for name in ("scores", "classes", "count"):
            device = getattr(self, name).device
            if device != self.boxes.device:
                raise InputError(
                    f"Detections.{name}: expected on {self.boxes.device}, found on {device}"
                )
        for name in _INTEGERS:
            if (dtype := getattr(self, name).dtype) != torch.int64:
                raise InputError(f"Detections.{name}: expected int64, found {dtype}")
        if min(self.canvas) < 1:
            raise InputError(
                f"Detections.canvas: expected height and width >= 1, found {self.canvas}"
            )

    @classmethod
    def empty(
        cls,
        frames: int,
        canvas: tuple[int, int],
        *,
        places: int = 1,
        device: torch.device | str = "cpu",
    ) -> "Detections":
        """Return `frames` frames without any box."""
        return cls(
            boxes=torch.zeros(frames, places, 4, device=device),
            scores=torch.zeros(frames, places, device=device),
            classes=torch.zeros(frames, places, dtype=torch.int64, device=device),
            count=torch.zeros(frames, dtype=torch.int64, device=device),
            canvas=canvas,
        )

    @classmethod
    def cat(cls, chunks: "Sequence[Detections]") -> "Detections":
        """Return successive chunks as one, with as many places per frame as the widest has.

        Raises `InputError` for chunks that differ in canvas.
        """
        first = chunks[0]
        if len(chunks) == 1:
            return first
        if any(chunk.canvas != first.canvas for chunk in chunks):
            raise InputError("Detections.cat: the chunks differ in canvas")
        most = max(chunk.scores.shape[1] for chunk in chunks)
        wide = [chunk.with_places(most) for chunk in chunks]
        return first._with_tensors(lambda name: torch.cat([getattr(c, name) for c in wide]))

    def __len__(self) -> int:
        return self.boxes.shape[0]

    @property
    def frame_count(self) -> int:
        """F."""
        return len(self)

    @property
    def device(self) -> torch.device:
        return self.boxes.device

    @property
    def present(self) -> Tensor:
        """[F,P] bool: which places hold a box."""
        places = torch.arange(self.scores.shape[1], device=self.device)
        return places[None] < self.count[:, None]

    def slice(self, start: int, stop: int) -> "Detections":
        """Return the frames from `start` up to, but not including, `stop`."""
        return self._with_tensors(lambda name: getattr(self, name)[start:stop])

    def with_places(self, places: int) -> "Detections":
        """Return the same boxes with at least `places` places per frame."""
        more = places - self.scores.shape[1]
        if more <= 0:
            return self

        def widened(name: str) -> Tensor:
            values: Tensor = getattr(self, name)
            if values.ndim == 1:
                return values
            return torch.cat([values, values.new_zeros(len(values), more, *values.shape[2:])], 1)

        return self._with_tensors(widened)

    def to(self, device: torch.device | str) -> "Detections":
        """Return the same boxes on `device`."""
        if self.device == torch.device(device):
            return self
        return self._with_tensors(lambda name: getattr(self, name).to(device))

    def _with_tensors(self, make: Callable[[str], Tensor]) -> "Detections":
        """Return the same canvas with every tensor made from its name."""
        return Detections(
            boxes=make("boxes"),
            scores=make("scores"),
            classes=make("classes"),
            count=make("count"),
            canvas=self.canvas,
        )
