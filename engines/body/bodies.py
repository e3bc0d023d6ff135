"""`Bodies`: what travels on a KINO_BODIES socket."""

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
from ..tracking.columns import Places
from .rig import Rig


@state_type()
@dataclass(frozen=True)
class Bodies(BeforeCamera):
    """Bodies in F frames, P places per frame, padded with a count; J joints, S shapes of a rig.

    Axes are those of the camera: x to the right, y up, z towards the camera. A body of identity
    rotations stands upright in the rig's rest pose and faces the lens.

    rotation:    [F,P,J,3,3] each joint's turn relative to its parent, in the axes of the rest pose;
                 that of the first joint, the pelvis, turns the body into the camera's axes
    translation: [F,P,3] m, where the pelvis lies; z < 0
    shape:       [F,P,S] coefficients of the rig's shapes
    confidence:  [F,P,J] 0..1, of the joints' rotations; 0 = not seen
    boxes:       [F,P,4] x0, y0, x1, y1 px
    scores:      [F,P] 0..1, descending along P
    track_ids:   [F,P] int64, -1 = no track
    count:       [F] int64, how many places of the frame hold a body
    canvas:      height and width in px of the frames that the coordinates refer to
    camera:      what rotation and translation refer to
    rig:         name of the rig, such as `mannequin`

    Raises `InputError` when shapes, devices or dtypes do not fit together.
    """

    rotation: Tensor
    translation: Tensor
    shape: Tensor
    confidence: Tensor
    boxes: Tensor
    scores: Tensor
    track_ids: Tensor
    count: Tensor
    canvas: tuple[int, int]
    camera: Camera
    rig: str

    _EMPTY = MappingProxyType({"track_ids": -1})

    def __post_init__(self) -> None:
        check_shape("Bodies.rotation", self.rotation, ("frames", "bodies", "joints", 3, 3))
        frames, bodies, joints = self.rotation.shape[:3]
        check_shape("Bodies.translation", self.translation, (frames, bodies, 3))
        check_shape("Bodies.shape", self.shape, (frames, bodies, "shapes"))
        check_shape("Bodies.confidence", self.confidence, (frames, bodies, joints))
        self._check_together("rotation")

    @classmethod
    def empty(
        cls,
        frames: int,
        canvas: tuple[int, int],
        camera: Camera,
        rig: Rig,
        *,
        bodies: int = 1,
        device: torch.device | str = "cpu",
    ) -> "Bodies":
        """Return nobody in any of `frames` frames."""
        joints, shapes = len(rig.joints), len(rig.shapes)
        return cls(
            rotation=torch.zeros(frames, bodies, joints, 3, 3, device=device),
            translation=torch.zeros(frames, bodies, 3, device=device),
            shape=torch.zeros(frames, bodies, shapes, device=device),
            confidence=torch.zeros(frames, bodies, joints, device=device),
            boxes=torch.zeros(frames, bodies, 4, device=device),
            scores=torch.zeros(frames, bodies, device=device),
            track_ids=torch.full((frames, bodies), -1, dtype=torch.int64, device=device),
            count=torch.zeros(frames, dtype=torch.int64, device=device),
            canvas=canvas,
            camera=camera.to(device),
            rig=rig.name,
        )

    @classmethod
    def cat(cls, chunks: "Sequence[Bodies]") -> "Bodies":
        """Return successive chunks as one, with as many places per frame as the widest has.

        Raises `InputError` for chunks that differ in canvas or rig.
        """
        first = chunks[0]
        if len(chunks) == 1:
            return first
        for chunk in chunks:
            if chunk.kind != first.kind:
                raise InputError(
                    f"Bodies.cat: the chunks differ in canvas, rig, joints or shapes: {first.kind} "
                    f"and {chunk.kind}"
                )
        return first._seen(chunks)

    def kept(self, keep: Tensor) -> "Bodies":
        """Return those whose places [F,P] bool are kept, moved forward in their order."""
        keep = keep & self.present
        if torch.equal(keep, self.present):
            return self
        places = Places.kept(keep)

        def moved(name: str, values: Tensor) -> Tensor:
            return (
                places.count if name == "count" else places.place(values, self._EMPTY.get(name, 0))
            )

        return self._each(moved)

    @property
    def kind(self) -> tuple[tuple[int, int], str, int, int]:
        """Canvas, rig, and how many joints and shapes it has: what chunks of a clip share."""
        return self.canvas, self.rig, self.rotation.shape[2], self.shape.shape[2]

    def need_kind(self, before: tuple[tuple[int, int], str, int, int]) -> None:
        """Raise `InputError` unless these are of the `kind` that a state is of."""
        if self.kind != before:
            raise InputError(
                f"bodies: expected canvas, rig, joints and shapes {before} as before, found "
                f"{self.kind}; disconnect or reset the state"
            )
