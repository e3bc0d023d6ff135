"""What values in front of a camera share, such as heads and bodies in frames."""

from collections.abc import Sequence
from typing import TypeVar

import torch

from ..padded import Padded
from .camera import Camera

Some = TypeVar("Some", bound="BeforeCamera")


class BeforeCamera(Padded):
    """Base of frozen dataclasses whose places and turns refer to a `camera`, of one frame or all.

    The camera is cut, moved and joined with them.
    """

    camera: Camera

    def slice(self: Some, start: int, stop: int) -> Some:
        """Return the frames from `start` up to but not including `stop`, without copying."""
        camera = self.camera.slice(start, stop)
        return self._each(lambda _, values: values[start:stop], camera=camera)

    def to(self: Some, device: torch.device | str) -> Some:
        """Return the same on `device`."""
        if self.device == torch.device(device):
            return self
        return self._each(lambda _, values: values.to(device), camera=self.camera.to(device))

    def _seen(self: Some, chunks: Sequence[Some]) -> Some:
        """Return chunks as one, with as many places per frame as the widest has."""
        camera = Camera.cat([chunk.camera for chunk in chunks], [len(chunk) for chunk in chunks])
        return self._joined(chunks, camera=camera)
