"""`Observed`: what a run made of successive frames, to be measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...checks import check_shape
from ...errors import InputError
from ...sequence import state_type


@state_type()
@dataclass(frozen=True)
class Observed:
    """F captured frames, and the bodies in their outputs, P places per frame.

    captured:    [F] float64, s, when each frame was captured, rising
    output:      [F] bool, which frames have an output; dropped frames and errors have none
    finished:    [F] float64, s on the same clock, when the output was there; NaN = not known
    present:     [F,P] bool, which places hold a body
    track_ids:   [F,P] int64, -1 = no track
    rotation:    [F,P,J,3,3] of each joint; the first is the whole body's
    translation: [F,P,3] m, in the camera's axes
    joints:      [F,P,K,3] m, where the joints are in the camera's axes; the first is the root
    shape:       [F,P,S] parameters of the shape
    boxes:       [F,P,4] x0, y0, x1, y1 px
    stages:      [F] s that each stage took, by its name; NaN = not known
    relative:    whether the focal length is assumed, so that translation is right up to a factor

    Raises `InputError` for shapes that do not fit together and for times that do not rise.
    """

    captured: Tensor
    output: Tensor
    finished: Tensor
    present: Tensor
    track_ids: Tensor
    rotation: Tensor
    translation: Tensor
    joints: Tensor
    shape: Tensor
    boxes: Tensor
    stages: Mapping[str, Tensor] = field(default_factory=dict)
    relative: bool = True

    def __post_init__(self) -> None:
        check_shape("rotation", self.rotation, ("frames", "bodies", "joints", 3, 3))
        frames, bodies = self.rotation.shape[:2]
        check_shape("translation", self.translation, (frames, bodies, 3))
        check_shape("joints", self.joints, (frames, bodies, "joints", 3))
        check_shape("shape", self.shape, (frames, bodies, "shapes"))
        check_shape("boxes", self.boxes, (frames, bodies, 4))
        check_shape("present", self.present, (frames, bodies))
        check_shape("track_ids", self.track_ids, (frames, bodies))
        times = {"captured": self.captured, "output": self.output, "finished": self.finished}
        for name, values in {**times, **self.stages}.items():
            check_shape(name, values, (frames,))
        if self.rotation.shape[2] == 0 or self.joints.shape[2] == 0:
            raise InputError("rotation, joints: expected at least 1 joint, found none")
        check_rising(self.captured)

    def __len__(self) -> int:
        return len(self.captured)


def check_rising(captured: Tensor, after: float = -torch.inf) -> None:
    """Raise `InputError` unless times [F] in s are finite and each is later than the one before.

    after: the time before the first
    """
    before = torch.cat([captured.new_tensor([after]), captured[:-1]])
    wrong = (~captured.isfinite() | (captured <= before)).nonzero()
    if len(wrong):
        at = int(wrong[0])
        raise InputError(
            f"captured: expected a time later than {float(before[at]):.6f} s for frame {at}, found "
            f"{float(captured[at]):.6f} s; give the frames in the order in which they were captured"
        )
