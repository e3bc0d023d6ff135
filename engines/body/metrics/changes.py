"""Changes of bodies from one output to the next: one row per body and frame."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...errors import InputError
from ...geometry import rotations
from ...sequence import state_type
from .observed import Observed

BACK = 3
"""How many outputs before a frame its changes may depend on."""

MEASURES = {
    "pose": 1,  # degrees a frame: mean angle over the joints but the first
    "pose_speed": 1,  # degrees per second
    "chord": 1,  # sum of the distances of rotation matrices (Frobenius) over the same joints
    "root": 1,  # degrees a frame of the whole body
    "root_speed": 1,  # degrees per second
    "moved": 1,  # mm a frame, of the translation
    "speed": 1,  # m/s
    "joint_root": 1,  # mm a frame, mean over the joints relative to the root
    "joint": 1,  # mm a frame, mean over the joints in the camera's axes
    "acceleration_root": 2,  # m/s2, mean over the joints relative to the root
    "acceleration": 2,  # m/s2, mean over the joints in the camera's axes
    "jerk_root": 3,  # m/s3
    "jerk": 3,  # m/s3
}
"""What is measured, and how many of the track's outputs before it takes."""


@state_type()
@dataclass(frozen=True)
class Changes:
    """N bodies in frames, by track and, in a track, by time.

    captured: [N] float64, s
    track:    [N] int64, -1 = the only body of its frame without a track
    gaps:     [N,3] float64, s: the longest gap between the last 2, 3 and 4 outputs of the track;
              infinite where it is not in all of them
    values:   [N,len(MEASURES)] float64; what stands where a gap is infinite means nothing
    shape:    [N,S] float64
    boxes:    [N,4] px
    """

    captured: Tensor
    track: Tensor
    gaps: Tensor
    values: Tensor
    shape: Tensor
    boxes: Tensor

    def chosen(self, which: Tensor) -> "Changes":
        """Return the rows of a mask [N] bool or indices [M]."""
        return replace(self, **{name: getattr(self, name)[which] for name in self.__annotations__})

    def joined(self, later: "Changes") -> "Changes":
        """Return these rows and those of later frames."""
        names = self.__annotations__
        both = {n: torch.cat([getattr(self, n), getattr(later, n)]) for n in names}
        all_ = replace(self, **both)
        return all_.chosen(all_.track.argsort(stable=True))


def changes(observed: Observed) -> Changes:
    """Return the changes of every body from output to output; all tensors are on one device.

    Bodies without a track count as one track of their own where a frame has one of them; where it
    has more, nobody knows which belong together, and they are left out. Derivatives are divided
    differences, exact for uneven times. Raises `InputError` where a frame has a track twice.
    """
    frame, place = _measured(observed).nonzero(as_tuple=True)
    track = observed.track_ids[frame, place]
    order = track.argsort(stable=True)  # and by frame, as they came
    frame, place, track = frame[order], place[order], track[order]
    number = (observed.output.long().cumsum(0) - 1)[frame]  # among the outputs
    time = observed.captured.double()[frame]
    same = track[1:] == track[:-1]
    if len(twice := (same & (number[1:] == number[:-1])).nonzero()):
        at = int(twice[0])
        raise InputError(f"bodies: frame {int(frame[at])} has track {int(track[at])} twice")

    def of(values: Tensor) -> Tensor:
        return values[frame, place].double()

    follows = same & (number[1:] == number[:-1] + 1)
    gap = _shifted(torch.where(follows, time[1:] - time[:-1], torch.inf), len(time))
    longest = [gap]
    for _ in range(BACK - 1):
        longest.append(torch.maximum(gap, _shifted(longest[-1][:-1], len(time))))
    angle = _angles(of(observed.rotation))
    limbs = angle[:, 1:]
    moved = _steps(of(observed.translation)).norm(dim=-1)
    joints = of(observed.joints)
    relative = _derivatives(joints - joints[:, :1], time)
    absolute = _derivatives(joints, time)
    pose = limbs.mean(1) if limbs.shape[1] else torch.full_like(time, torch.nan)
    values = {
        "pose": pose.rad2deg(),
        "pose_speed": pose.rad2deg() / gap,
        "chord": (2 * math.sqrt(2) * (limbs / 2).sin()).sum(1),
        "root": angle[:, 0].rad2deg(),
        "root_speed": angle[:, 0].rad2deg() / gap,
        "moved": 1000 * moved,
        "speed": moved / gap,
        "joint_root": 1000 * relative[0] * gap,
        "joint": 1000 * absolute[0] * gap,
        "acceleration_root": relative[1],
        "acceleration": absolute[1],
        "jerk_root": relative[2],
        "jerk": absolute[2],
    }
    return Changes(
        captured=time,
        track=track,
        gaps=torch.stack(longest, 1),
        values=torch.stack([values[name] for name in MEASURES], 1),
        shape=of(observed.shape),
        boxes=of(observed.boxes),
    )


def _measured(observed: Observed) -> Tensor:
    """Return which places [F,P] bool hold a body that can be followed."""
    there = observed.present & observed.output[:, None]
    loose = there & (observed.track_ids < 0)
    return there & ~(loose & (loose.sum(1, keepdim=True) > 1))


def _shifted(gaps: Tensor, count: int) -> Tensor:
    """Return gaps [N-1] to rows 1 to N-1 as those to all rows [N]; infinite to the first."""
    return torch.cat([gaps.new_full((1,), torch.inf), gaps])[:count]


def _steps(values: Tensor) -> Tensor:
    """Return the difference [N,...] to the row before; 0 for the first."""
    return values - torch.cat([values[:1], values[:-1]])


def _angles(rotation: Tensor) -> Tensor:
    """Return the angle [N,J] in rad between each rotation [N,J,3,3] and the row before."""
    now = rotations.to_quaternions(rotation)
    angles: Tensor = rotations.between(torch.cat([now[:1], now[:-1]]), now).norm(dim=-1)
    return angles


def _derivatives(joints: Tensor, time: Tensor) -> list[Tensor]:
    """Return the mean lengths [N] over joints [N,K,3] of the first `BACK` derivatives by time [N].

    They mean nothing where a row and those before it are not of one track in succession.
    """
    lengths, difference = [], joints
    for order in range(1, BACK + 1):
        before = torch.cat([*[time[:1]] * order, time[:-order]])[: len(time)]
        difference = _steps(difference) / (time - before)[:, None, None]
        lengths.append(math.factorial(order) * difference.norm(dim=-1).mean(1))
    return lengths
