"""`Flow`: what travels on a KINO_FLOW socket."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_shape
from ..errors import InputError


@dataclass(frozen=True)
class Flow:
    """The motion between the frames of a clip of N + 1 frames.

    forward:  [N,2,H,W] x, y in pixels; row i says where each pixel of frame i is in frame i + 1
    backward: [N,2,H,W] or None; row i says where each pixel of frame i + 1 was in frame i
    fps:      frames a second of the clip

    Raises `InputError` when shapes, devices or types do not fit together.
    """

    forward: Tensor
    backward: Tensor | None = None
    fps: float = 16.0

    def __post_init__(self) -> None:
        check_shape("Flow.forward", self.forward, ("pairs", 2, "height", "width"))
        if self.backward is not None:
            check_shape("Flow.backward", self.backward, tuple(self.forward.shape))
            if self.backward.device != self.forward.device:
                raise InputError(
                    f"Flow.backward: expected on {self.forward.device}, found on "
                    f"{self.backward.device}"
                )
        if not self.fps > 0:
            raise InputError(f"Flow.fps: expected more than 0, found {self.fps}")

    def __len__(self) -> int:
        """How many pairs of frames."""
        return self.forward.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.forward.shape[2], self.forward.shape[3]

    @property
    def device(self) -> torch.device:
        return self.forward.device

    def to(self, device: torch.device | str) -> "Flow":
        """The same flow on `device`."""
        backward = None if self.backward is None else self.backward.to(device)
        return Flow(self.forward.to(device), backward, self.fps)


def lengths(flow: Tensor) -> Tensor:
    """[N,2,H,W] -> [N,H,W] px"""
    found: Tensor = torch.linalg.vector_norm(flow, dim=1)
    return found
