"""Pinhole cameras, one for each frame or one for all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor

from ..errors import InputError
from ..sequence import state_type
from .placement import Size, scale_and_shift

AXES = ("y_up", "y_down")


@state_type()
@dataclass(frozen=True)
class Camera:
    """Where points in front of the camera appear in the picture.

    fx, fy: [F] or [1] focal lengths in px, above 0
    cx, cy: [F] or [1] principal point in px, anywhere, also outside the picture. The corner of the
            first pixel is (0, 0), its centre (0.5, 0.5)
    size:   height and width of the picture that these pixels are of
    axes:   of the points. y_up: x to the right, y up, z towards the camera, which looks along -z,
            as in OpenGL, glTF and KINO_HEADS. y_down: x to the right, y down, z away from the
            camera, as in OpenCV
    near:   distance from the camera, in the unit of the points, before which nothing is drawn

    Raises `InputError` for values that are not finite, for a focal length or a near plane that is
    not above 0, and for unknown axes.
    """

    fx: Tensor
    fy: Tensor
    cx: Tensor
    cy: Tensor
    size: Size
    axes: str = "y_up"
    near: float = 0.01

    def __post_init__(self) -> None:
        if self.axes not in AXES:
            raise InputError(f"camera: expected axes {' or '.join(AXES)}, found {self.axes[:40]!r}")
        if min(self.size) < 1:
            raise InputError(
                f"camera: expected a picture of at least 1x1, found {self.size[1]}x{self.size[0]}"
            )
        if not (math.isfinite(self.near) and self.near > 0):
            raise InputError(f"camera: expected a near plane above 0, found {self.near}")
        counts = {len(values) for values in self._values if values.ndim == 1}
        if any(values.ndim != 1 for values in self._values) or len(counts - {1}) > 1 or 0 in counts:
            shapes = ", ".join(str(list(values.shape)) for values in self._values)
            raise InputError(
                f"camera: expected fx, fy, cx, cy with one value per frame or one, found {shapes}"
            )
        lengths = [len(values) for values in self._values]
        found = torch.cat(self._values).detach().cpu().double()  # one wait for a GPU
        if not bool(found.isfinite().all()):
            raise InputError("camera: fx, fy, cx or cy is NaN or infinite; check what estimated it")
        shortest = float(found[: lengths[0] + lengths[1]].min())
        if shortest <= 0:
            raise InputError(f"camera: expected focal lengths above 0 px, found {shortest:.4g}")

    @classmethod
    def of_field_of_view(
        cls,
        size: Size,
        degrees: float = 63.0,
        *,
        axes: str = "y_up",
        near: float = 0.01,
        device: torch.device | str = "cpu",
    ) -> "Camera":
        """Return a camera that looks at the middle of the picture, with square pixels.

        degrees: vertical field of view; 63 is what MediaPipe assumes of phones

        Raises `InputError` for an angle that is not between 0 and 180.
        """
        if not 0 < degrees < 180:
            raise InputError(
                f"field of view: expected more than 0 and less than 180 degrees, found {degrees}"
            )
        height, width = size
        focal = height / 2 / math.tan(math.radians(degrees) / 2)
        focal_length, cx, cy = (
            torch.tensor([value], device=device) for value in (focal, width / 2, height / 2)
        )
        return cls(focal_length, focal_length, cx, cy, size, axes, near)

    @property
    def _values(self) -> tuple[Tensor, ...]:
        return self.fx, self.fy, self.cx, self.cy

    @classmethod
    def cat(cls, cameras: "Sequence[Camera]", frames: Sequence[int]) -> "Camera":
        """Return the cameras of successive chunks, at least one, as one.

        A value that is one and the same in all chunks stays one.

        frames: how many each chunk has

        Raises `InputError` for cameras of pictures or axes that differ.
        """
        first = cameras[0]
        if any((c.size, c.axes, c.near) != (first.size, first.axes, first.near) for c in cameras):
            raise InputError("camera: the chunks have pictures of different sizes, or other axes")
        joined = []
        for each in zip(*(c._values for c in cameras), strict=True):
            if all(len(v) == 1 and torch.equal(v, each[0]) for v in each):
                joined.append(each[0])
            else:
                joined.append(torch.cat([v.expand(n) for v, n in zip(each, frames, strict=True)]))
        return first._with(joined)

    def _with(self, values: list[Tensor]) -> "Camera":
        fx, fy, cx, cy = values
        return replace(self, fx=fx, fy=fy, cx=cx, cy=cy)

    @property
    def frame_count(self) -> int:
        """How many frames the camera differs in; 1 also stands for any number."""
        return max(len(values) for values in self._values)

    def slice(self, start: int, stop: int) -> "Camera":
        """Return the camera of the frames from `start` up to but not including `stop`; of no
        frames, any of its frames."""
        if self.frame_count == 1:
            return self
        rows = slice(start, stop) if range(self.frame_count)[start:stop] else slice(1)
        return self._with([v if len(v) == 1 else v[rows] for v in self._values])

    def to(self, device: torch.device | str) -> "Camera":
        """Return the same camera on `device`."""
        return self._with([values.to(device) for values in self._values])

    def fitted(self, size: Size, fit: str = "stretch") -> "Camera":
        """Return the camera of the same picture brought to `size`; see `scale_and_shift`."""
        if size == self.size:
            return self
        (sy, sx), (top, left) = scale_and_shift(self.size, size, fit)
        values = [self.fx * sx, self.fy * sy, self.cx * sx + left, self.cy * sy + top]
        return replace(self._with(values), size=size)

    def view(self, vectors: Tensor) -> Tensor:
        """Return points or directions [...,3] as x to the right, y down, z away from the camera.

        The same turn leads back.
        """
        if self.axes == "y_down":
            return vectors
        return vectors * _turn(vectors.dtype, vectors.device)

    def table(self, dtype: torch.dtype) -> Tensor:
        """Return [4,F or 1]: fx, fy, cx, cy."""
        return torch.stack([v.to(dtype).expand(self.frame_count) for v in self._values])

    def of_frames(self, frame: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return [4,N]: fx, fy, cx, cy of each of the frames [N], on their device."""
        table = self.table(dtype).to(frame.device)
        return table[:, frame if table.shape[1] > 1 else frame * 0]


@cache
def _turn(dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the factors [3] of `Camera.view`; copied to a GPU once, as it waits for that."""
    with torch.inference_mode(False):
        return torch.tensor([1.0, -1.0, -1.0], dtype=dtype, device=device)
