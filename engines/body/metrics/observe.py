"""Bodies as what a `Meter` takes."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ...errors import InputError
from ..bodies import Bodies
from ..kinematics import pose_joints
from ..rig import Rig
from .observed import Observed

_HANDS = ("hand_l", "hand_r")  # of the mannequin, whose fingers are 30 of 52 joints


def observe(
    bodies: Bodies,
    rig: Rig,
    captured: Tensor,
    *,
    output: Tensor | None = None,
    finished: Tensor | None = None,
    stages: Mapping[str, Tensor] | None = None,
    fingers: bool = False,
    relative: bool = True,
) -> Observed:
    """Return bodies in F frames, with where their joints are.

    rig:      what `bodies.rig` names
    captured: [F] float64, s, when each frame was captured
    output:   [F] bool, which frames were not dropped and raised no error; None: all
    finished: [F] float64, s on the same clock, when the output was there; None: not known
    stages:   [F] s that each stage took
    fingers:  whether the joints of fingers count, too; where nothing estimates them, they would
              make every body look steadier
    relative: whether the focal length is assumed

    Raises `InputError` for another rig, and as `Observed` does.
    """
    if bodies.rig != rig.name:
        raise InputError(f"bodies: expected the rig {rig.name}, found {bodies.rig}")
    frames, places = bodies.scores.shape
    chosen = _measured(rig, fingers).to(bodies.device)
    posed = pose_joints(
        rig,
        bodies.rotation.flatten(0, 1),
        bodies.translation.flatten(0, 1),
        bodies.shape.flatten(0, 1),
    )
    unknown = torch.full((frames,), torch.nan, dtype=torch.float64)
    whole = torch.ones(frames, dtype=torch.bool)
    return Observed(
        captured=captured,
        output=(whole if output is None else output).to(bodies.device),
        finished=unknown if finished is None else finished,
        present=bodies.present,
        track_ids=bodies.track_ids,
        rotation=bodies.rotation[:, :, chosen],
        translation=bodies.translation,
        joints=posed.position.unflatten(0, (frames, places))[:, :, chosen],
        shape=bodies.shape,
        boxes=bodies.boxes,
        stages=dict(stages or {}),
        relative=relative,
    )


def _measured(rig: Rig, fingers: bool) -> Tensor:
    """Return the numbers of the joints that count."""
    hands = {rig.joints.index(name) for name in _HANDS if name in rig.joints}
    below: set[int] = set()
    for joint, parent in enumerate(rig.parents.tolist()):  # parents stand before their children
        if parent in hands or parent in below:
            below.add(joint)
    return torch.tensor([j for j in range(len(rig.joints)) if fingers or j not in below])
