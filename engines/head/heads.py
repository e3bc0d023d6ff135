"""`Heads`: what travels on a KINO_HEADS socket."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from ..checks import check_shape
from ..errors import InputError
from ..geometry.before_camera import BeforeCamera
from ..geometry.camera import Camera
from ..sequence import state_type


@state_type()
@dataclass(frozen=True)
class Heads(BeforeCamera):
    """Heads in F frames, P places per frame, padded with a count.

    Axes are those of the camera: x to the right, y up, z towards the camera. A head of the identity
    rotation looks into the lens; its origin is that of the canonical face, between the eyes and
    inside the head.

    rotation:    [F,P,3,3] turns the canonical face into the camera's axes
    translation: [F,P,3] cm, where its origin lies; z < 0
    landmarks:   [F,P,L,3] x, y px of the canvas, and depth in the same unit, growing away from the
                 camera; L is 468 in the order of the canonical face, or 0 if there are none
    boxes:       [F,P,4] x0, y0, x1, y1 px
    scores:      [F,P] 0..1, descending along P
    track_ids:   [F,P] int64, -1 = no track
    count:       [F] int64, how many places of the frame hold a head
    canvas:      height and width in px of the frames that the coordinates refer to
    camera:      what rotation and translation refer to

    Raises `InputError` when shapes, devices or dtypes do not fit together.
    """

    rotation: Tensor
    translation: Tensor
    landmarks: Tensor
    boxes: Tensor
    scores: Tensor
    track_ids: Tensor
    count: Tensor
    canvas: tuple[int, int]
    camera: Camera

    _EMPTY = MappingProxyType({"track_ids": -1})

    def __post_init__(self) -> None:
        check_shape("Heads.rotation", self.rotation, ("frames", "heads", 3, 3))
        frames, heads = self.rotation.shape[:2]
        check_shape("Heads.translation", self.translation, (frames, heads, 3))
        check_shape("Heads.landmarks", self.landmarks, (frames, heads, "points", 3))
        check_shape("Heads.boxes", self.boxes, (frames, heads, 4))
        check_shape("Heads.scores", self.scores, (frames, heads))
        check_shape("Heads.track_ids", self.track_ids, (frames, heads))
        check_shape("Heads.count", self.count, (frames,))
        self._check_together("rotation", ("track_ids", "count"))

    @classmethod
    def empty(
        cls,
        frames: int,
        canvas: tuple[int, int],
        camera: Camera,
        *,
        heads: int = 1,
        points: int = 468,
        device: torch.device | str = "cpu",
    ) -> "Heads":
        """Return nobody in any of `frames` frames."""
        return cls(
            rotation=torch.zeros(frames, heads, 3, 3, device=device),
            translation=torch.zeros(frames, heads, 3, device=device),
            landmarks=torch.zeros(frames, heads, points, 3, device=device),
            boxes=torch.zeros(frames, heads, 4, device=device),
            scores=torch.zeros(frames, heads, device=device),
            track_ids=torch.full((frames, heads), -1, dtype=torch.int64, device=device),
            count=torch.zeros(frames, dtype=torch.int64, device=device),
            canvas=canvas,
            camera=camera,
        )

    @classmethod
    def cat(cls, chunks: "Sequence[Heads]") -> "Heads":
        """Return successive chunks as one, with as many places per frame as the widest has.

        Raises `InputError` for chunks that differ in canvas, camera or number of landmarks.
        """
        first = chunks[0]
        if len(chunks) == 1:
            return first
        if any(chunk.kind != first.kind for chunk in chunks):
            raise InputError("Heads.cat: the chunks differ in canvas or landmarks")
        return first._seen(chunks)

    @property
    def kind(self) -> tuple[tuple[int, int], int]:
        """Canvas and number of landmarks: what chunks of a clip share."""
        return self.canvas, self.landmarks.shape[2]
