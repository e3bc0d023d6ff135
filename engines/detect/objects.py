"""`Objects`: what was found in frames, with 6D poses and keypoints where they are known."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..checks import check_shape
from ..detections.detections import Detections
from ..errors import InputError
from ..geometry.camera import Camera
from ..padded import Padded
from ..sequence import state_type


@state_type()
@dataclass(frozen=True)
class Objects(Padded):
    """Objects in F frames, P places per frame, padded with a count.

    boxes:       [F,P,4] x0, y0, x1, y1 in px of the canvas
    scores:      [F,P] 0..1, descending along P
    classes:     [F,P] int64, the number of what it is, from 0
    count:       [F] int64, how many places of the frame hold an object; the others are zero
    canvas:      height and width in px of the frames that the coordinates refer to
    keypoints:   [F,P,K,2] px; K is 0 without any
    confidence:  [F,P,K] 0..1 of the keypoints
    rotation:    [F,P,3,3] turns the object into the axes of `camera`; None: no poses
    translation: [F,P,3] m, where the object's origin lies; None: no poses
    camera:      what rotation and translation refer to; y down, z away from it

    Raises `InputError` if shapes, devices or dtypes do not fit together, and for a pose without a
    camera.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    count: Tensor
    canvas: tuple[int, int]
    keypoints: Tensor
    confidence: Tensor
    rotation: Tensor | None = None
    translation: Tensor | None = None
    camera: Camera | None = None

    def __post_init__(self) -> None:
        check_shape("Objects.boxes", self.boxes, ("frames", "places", 4))
        frames, places = self.boxes.shape[:2]
        check_shape("Objects.scores", self.scores, (frames, places))
        check_shape("Objects.classes", self.classes, (frames, places))
        check_shape("Objects.count", self.count, (frames,))
        check_shape("Objects.keypoints", self.keypoints, (frames, places, "keypoints", 2))
        check_shape("Objects.confidence", self.confidence, list(self.keypoints.shape[:3]))
        posed = [part is not None for part in (self.rotation, self.translation, self.camera)]
        if any(posed) and not all(posed):
            raise InputError("Objects: expected rotation, translation and camera, or none of them")
        if self.rotation is not None and self.translation is not None:
            check_shape("Objects.rotation", self.rotation, (frames, places, 3, 3))
            check_shape("Objects.translation", self.translation, (frames, places, 3))
        self._check_together("boxes", ("classes", "count"))

    @classmethod
    def cat(cls, chunks: "Sequence[Objects]") -> "Objects":
        """Return successive chunks as one, with as many places per frame as the widest has.

        Raises `InputError` for chunks that differ in canvas, in keypoints, or in having poses.
        """
        first = chunks[0]
        alike = {(c.canvas, c.keypoints.shape[2], c.rotation is None) for c in chunks}
        if len(alike) > 1:
            raise InputError("Objects.cat: the chunks differ in canvas, keypoints or poses")
        cameras = [chunk.camera for chunk in chunks if chunk.camera is not None]
        camera = Camera.cat(cameras, [len(chunk) for chunk in chunks]) if cameras else None
        return first._joined(chunks, camera=camera)

    def slice(self, start: int, stop: int) -> "Objects":
        """Return the frames from `start` up to but not including `stop`, without copying."""
        camera = None if self.camera is None else self.camera.slice(start, stop)
        return replace(super().slice(start, stop), camera=camera)

    def to(self, device: torch.device | str) -> "Objects":
        """Return the same on `device`."""
        camera = None if self.camera is None else self.camera.to(device)
        return replace(super().to(device), camera=camera)

    @property
    def detections(self) -> Detections:
        """The boxes alone."""
        return Detections(
            boxes=self.boxes,
            scores=self.scores,
            classes=self.classes,
            count=self.count,
            canvas=self.canvas,
        )
