"""`MotionTracks`: points that are followed through a clip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..checks import check_shape
from ..errors import InputError
from ..sequence import state_type


@state_type()
@dataclass(frozen=True)
class MotionTracks:
    """N points in T frames.

    path:    [T,N,2] float32 x, y in pixels of the canvas; (0, 0) is the canvas's top left corner.
             Where a point is not visible, its last place that was
    visible: [T,N] bool
    canvas:  height and width in pixels of the frames that the coordinates refer to

    Raises `InputError` when shapes, devices or types do not fit together, and for places that are
    not finite.
    """

    path: Tensor
    visible: Tensor
    canvas: tuple[int, int]

    def __post_init__(self) -> None:
        check_shape("MotionTracks.path", self.path, ("frames", "points", 2))
        check_shape("MotionTracks.visible", self.visible, tuple(self.path.shape[:2]))
        if self.path.dtype != torch.float32 or self.visible.dtype != torch.bool:
            raise InputError(
                "MotionTracks: expected a path of float32 and visible of bool, found "
                f"{self.path.dtype} and {self.visible.dtype}"
            )
        if self.path.device != self.visible.device:
            raise InputError(
                f"MotionTracks.visible: expected on {self.path.device}, found on "
                f"{self.visible.device}"
            )
        if min(self.canvas) < 1:
            raise InputError(
                f"MotionTracks.canvas: expected height and width >= 1, found {self.canvas}"
            )
        if not bool(self.path.isfinite().all()):
            raise InputError("MotionTracks.path: expected finite places, found NaN or infinity")

    @property
    def frame_count(self) -> int:
        """How many frames there are."""
        return self.path.shape[0]

    @property
    def point_count(self) -> int:
        """How many points there are."""
        return self.path.shape[1]

    def slice(self, start: int, stop: int) -> "MotionTracks":
        """Return the frames from `start` up to but not including `stop`."""
        return replace(self, path=self.path[start:stop], visible=self.visible[start:stop])

    @classmethod
    def cat(cls, chunks: "Sequence[MotionTracks]") -> "MotionTracks":
        """Return successive chunks of the same points as one."""
        return replace(
            chunks[0],
            path=torch.cat([chunk.path for chunk in chunks]),
            visible=torch.cat([chunk.visible for chunk in chunks]),
        )

    def to(self, device: torch.device | str) -> "MotionTracks":
        """Return the same tracks on `device`."""
        return replace(self, path=self.path.to(device), visible=self.visible.to(device))

    def only(self, points: Tensor) -> "MotionTracks":
        """Return some of the points: [N] bool, or their numbers in the order wanted."""
        return replace(self, path=self.path[:, points], visible=self.visible[:, points])

    @property
    def lengths(self) -> Tensor:
        """[N] px: how far each point travels, as long as it is visible."""
        both = self.visible[1:] & self.visible[:-1]
        steps: Tensor = torch.linalg.vector_norm(self.path.diff(dim=0), dim=-1) * both
        return steps.sum(0)

    def held(self) -> "MotionTracks":
        """Return the tracks with every place that is not visible set to the last one that was; to
        the first one that is, before that."""
        frames = torch.arange(self.frame_count, device=self.path.device)[:, None]
        last = torch.where(self.visible, frames, -1).cummax(0).values
        first = self.visible.int().argmax(0)
        source = torch.where(last < 0, first, last)[..., None].expand_as(self.path)
        return replace(self, path=self.path.gather(0, source))

    def as_core(self) -> dict[str, Any]:
        """Return what travels on ComfyUI's TRACKS sockets, with the canvas besides."""
        held = self.held().to("cpu")
        return {
            "track_path": held.path,
            "track_visibility": held.visible,
            "canvas": self.canvas,
        }

    @classmethod
    def from_core(
        cls, value: Mapping[str, Any], canvas: tuple[int, int] | None = None
    ) -> "MotionTracks":
        """Return the tracks of a TRACKS socket.

        canvas: height and width, where the value does not say it; None: just large enough for all
                places

        Raises `InputError` for another value.
        """
        try:
            path, visible = value["track_path"], value["track_visibility"]
        except (KeyError, TypeError) as error:
            raise InputError(
                "tracks: expected track_path and track_visibility, as Motion Tracks and ComfyUI's "
                f"own nodes give them, found {_named(value)}"
            ) from error
        path = torch.as_tensor(path).float()
        check_shape("tracks, track_path", path, ("frames", "points", 2))
        visible = torch.as_tensor(visible).reshape(path.shape[:2]).bool()
        bad = ~path.isfinite().all(-1)
        if bool(bad.any()):
            raise InputError(
                f"tracks: expected finite places, found NaN or infinity in {int(bad.any(0).sum())} "
                f"of {path.shape[1]} tracks; look for the node before this one that made them"
            )
        said = value.get("canvas") or canvas
        if said is None:
            right, down = (
                path.flatten(0, 1).clamp(min=0).amax(0).tolist() if path.numel() else (0, 0)
            )
            said = (int(down) + 1, int(right) + 1)
        height, width = said
        return cls(path, visible, (int(height), int(width)))


def _named(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, Mapping) else f"a {type(value).__name__}"
