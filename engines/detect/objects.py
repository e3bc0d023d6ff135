"""`Objects`: what was found in frames, with 6D poses and keypoints where they are known."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..checks import check_shape
from ..detections.detections import Detections
from ..errors import InputError
from ..geometry.camera import Camera
from ..geometry.placement import Size, scale_and_shift
from ..padded import Padded
from ..sequence import state_type
from .labels import NO_LABELS, Labels


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
    labels:      what the numbers of classes and keypoints stand for, as far as it is known

    Raises `InputError` if shapes, devices or dtypes do not fit together, for a pose without a
    camera, and for names of other keypoints than there are.
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
    labels: Labels = NO_LABELS

    def __post_init__(self) -> None:
        check_shape("Objects.boxes", self.boxes, ("frames", "places", 4))
        frames, places = self.boxes.shape[:2]
        check_shape("Objects.keypoints", self.keypoints, (frames, places, "keypoints", 2))
        check_shape("Objects.confidence", self.confidence, list(self.keypoints.shape[:3]))
        posed = [part is not None for part in (self.rotation, self.translation, self.camera)]
        if any(posed) and not all(posed):
            raise InputError("Objects: expected rotation, translation and camera, or none of them")
        if self.rotation is not None and self.translation is not None:
            check_shape("Objects.rotation", self.rotation, (frames, places, 3, 3))
            check_shape("Objects.translation", self.translation, (frames, places, 3))
        points = self.keypoints.shape[2]
        if self.labels.keypoints and len(self.labels.keypoints) != points:
            raise InputError(
                f"Objects.labels: expected names of {points} keypoints, found "
                f"{len(self.labels.keypoints)}"
            )
        self._check_together("boxes")

    @classmethod
    def cat(cls, chunks: "Sequence[Objects]") -> "Objects":
        """Return successive chunks as one, with as many places per frame as the widest has.

        Raises `InputError` for chunks that differ in canvas, in keypoints, in names, or in having
        poses.
        """
        first = chunks[0]
        alike = {(c.canvas, c.keypoints.shape[2], c.rotation is None, c.labels) for c in chunks}
        if len(alike) > 1:
            raise InputError("Objects.cat: the chunks differ in canvas, keypoints, names or poses")
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

    def fitted(self, size: Size, fit: str = "stretch") -> "Objects":
        """Return the same objects where the frames are brought to another size.

        fit: see `scale_and_shift`
        """
        if size == self.canvas:
            return self
        scale, shift = scale_and_shift(self.canvas, size, fit)
        by, to = (self.boxes.new_tensor(values[::-1]) for values in (scale, shift))
        there = self.present[..., None]
        return replace(
            self,
            boxes=torch.where(there, self.boxes * by.repeat(2) + to.repeat(2), 0),
            keypoints=torch.where(there[..., None], self.keypoints * by + to, 0),
            camera=None if self.camera is None else self.camera.fitted(size, fit),
            canvas=size,
        )

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
