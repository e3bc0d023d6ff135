"""Feet that stay where they stand."""

import math
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from ..geometry import rotations
from ..sequence import state_type
from ..tracking.columns import Columns, tracks_in
from ..tracking.shots import by_shot
from .bodies import Bodies
from .ik.chain import SIDES
from .kinematics import PosedJoints, pose_joints
from .legs import reach
from .rig import Rig, mannequin

# Speeds in m/s at the depth of the body. The points of a still foot jitter by up to 0.5 m/s; a foot
# that swings in a slow walk does 1.5.
_SLOW, _FAST = 0.5, 1.0  # a foot stands below the first one, and until the second one
_DRIFT = 0.08  # m, from where it stands, at which it stands no longer
_RELEASED = 0.15  # s, in which what holds a foot falls to a third


class _Foot(NamedTuple):
    """What is remembered of T tracks and their two feet.

    seen [T] bool: whether the track was ever seen; flat [T,2,2]: x and y per depth; stands [T,2]
    bool; anchor [T,2,3] m, where the ankle is held; turn [T,2,4], how the foot is held; aim
    [T,2,2]: where it is in the picture; offset [T,2,3] m, from where it was found; hold [T,2] 0..1;
    shift [T,3] m, of the body
    """

    seen: Tensor
    flat: Tensor
    stands: Tensor
    anchor: Tensor
    turn: Tensor
    aim: Tensor
    offset: Tensor
    hold: Tensor
    shift: Tensor


@state_type()
@dataclass(frozen=True)
class FootState:
    """What is known of feet at the end of a chunk; opaque, to be handed to the next.

    ids [T]; of each what `_Foot` says, in its order; kind of the bodies
    """

    ids: Tensor
    values: tuple[Tensor, ...]
    kind: tuple[tuple[int, int], str, int, int]


@dataclass
class FootLock:
    """Hold the feet of tracked bodies where they stand, in successive chunks.

    A foot stands from when it moves by less than 0.5 m/s in the picture, at the depth of the body,
    until it moves by 1.0 m/s or is 8 cm away; so the camera has to be still. How far away a body
    is wanders far more than its place in the picture: the body is moved along the ray to it, with
    the feet that stand, so that it stays where it is seen, and each leg is bent so that its foot is
    where and as it was when it began to stand.
    What holds a foot that no longer stands fades within a third of a second.
    Bodies without a track are unchanged, and so are sizes and boxes.

    fps: frames per second
    state: at the end of the chunk before; None: the next one is the first
    ahead: hold a foot from the frame before its first slow step, in which it comes to stand; for
           whole clips only, as that is not known before the next frame

    Whole clips, chunks and live runs give the same, without `ahead`. Raises `InputError` for a rate
    that is not above 0.
    """

    fps: float = 16.0
    state: FootState | None = field(default=None, repr=False)
    ahead: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise InputError(f"fps: expected a number above 0, found {self.fps}")

    def reset(self) -> None:
        """Forget everybody; the next chunk is the first."""
        self.state = None

    def update(self, bodies: Bodies, cuts: Tensor | None = None) -> Bodies:
        """Return the next chunk with its feet held.

        cuts: [F] bool, frames that begin a new shot; everybody is forgotten there

        Raises `InputError` for bodies of another rig or canvas than before, of a rig without the
        mannequin's legs, and if the number of cuts is not that of the frames.
        """
        return by_shot(bodies, cuts, self._shot, self.reset)

    def _shot(self, bodies: Bodies) -> Bodies:
        known = self.state
        if known is not None:
            bodies.need_kind(known.kind)
        rig = mannequin()
        if bodies.rig != rig.name:
            raise InputError(f"bodies: expected the rig {rig.name}, found {bodies.rig}")
        if not len(bodies):
            return bodies
        here = bodies.to("cpu")  # one step per frame: fastest there
        ids = tracks_in(here.present, here.track_ids, None if known is None else known.ids)
        columns = Columns.of(here.present, here.track_ids, ids, "bodies")
        # In float64 and rounded to float32, as the last bits depend on how a clip is divided.
        turns = columns.gather(here.rotation.double(), torch.eye(3).double())
        place = columns.gather(here.translation.double())
        shape = columns.gather(here.shape.double())
        posed = pose_joints(_exact(), turns.flatten(0, 1), place.flatten(0, 1), shape.flatten(0, 1))
        legs = _Legs.of(rig, posed, place.shape[:2])
        seen = columns.gather(here.confidence.amax(-1)) > 0
        held, last = self._held(legs, place, seen, _remembered(known, ids))
        self.state = FootState(ids, tuple(last), bodies.kind)
        changed = legs.moved(turns, held)
        return replace(
            here,
            rotation=columns.put(here.rotation, changed),
            translation=columns.put(here.translation, place + held.shift),
        ).to(bodies.device)

    def _held(
        self, legs: "_Legs", place: Tensor, seen: Tensor, foot: _Foot
    ) -> tuple["_Held", _Foot]:
        """Return by how much bodies and feet are moved in every frame, and what is remembered.

        place: [F,T,3] m of the pelvises; seen: [F,T] bool
        """
        fade = math.exp(-1 / (_RELEASED * self.fps))
        turned = rotations.to_quaternions(legs.turn)
        ball = legs.ball
        middle = (legs.ankle + ball) / 2
        flat = middle[..., :2] / (-middle[..., 2:]).clamp(min=0.1)
        flat, ankle, turned = map(_rounded, (flat, legs.ankle, turned))
        soon = self._soon(flat, place, seen) if self.ahead else None
        found: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        # A step per frame, for all tracks: what a foot does depends on what it did before.
        for frame in range(len(place)):
            now = _stepped(
                foot,
                flat[frame],
                ankle[frame],
                turned[frame],
                place[frame],
                self.fps,
                fade,
                None if soon is None else soon[frame],
            )
            there = seen[frame]
            foot = _Foot(*(_where(there, _rounded(a), b) for a, b in zip(now, foot, strict=True)))
            found.append((foot.shift, foot.offset, foot.hold, foot.turn))
        shift, offset, hold, turn = (torch.stack(some) for some in zip(*found, strict=True))
        shift, hold = (_where(seen, some, torch.zeros_like(some)) for some in (shift, hold))
        return _Held(shift, offset, hold, turn), foot

    def _soon(self, flat: Tensor, place: Tensor, seen: Tensor) -> Tensor:
        """Return which feet [F,T,2] move so slowly to the next frame that they stand from here."""
        depth = (-place[1:, :, 2:]).clamp(min=0.1)
        slow = (flat[1:] - flat[:-1]).norm(dim=-1) * depth * self.fps < _SLOW
        slow &= (seen[1:] & seen[:-1])[..., None]
        return torch.cat([slow, torch.zeros_like(flat[:1, ..., 0], dtype=torch.bool)])


class _Held(NamedTuple):
    """How bodies are held: shift [F,T,3] m; of their feet offset [F,T,2,3] m from where they were
    found, hold [F,T,2] 0..1, and turn [F,T,2,4]."""

    shift: Tensor
    offset: Tensor
    hold: Tensor
    turn: Tensor


def _stepped(
    foot: _Foot,
    flat: Tensor,
    ankle: Tensor,
    turn: Tensor,
    place: Tensor,
    fps: float,
    fade: float,
    soon: Tensor | None,
) -> _Foot:
    """Return what is known after a frame in which all tracks are seen.

    flat: [T,2,2]; ankle: [T,2,3] m; turn: [T,2,4]; place: [T,3] m of the
    pelvises; soon [T,2] bool: feet that stand from here if they do not yet, None: those that have
    moved slowly
    """
    depth = (-place[:, 2:]).clamp(min=0.1)
    ray = F.normalize(place, dim=-1)
    speed = (flat - foot.flat).norm(dim=-1) * depth * fps
    drift = (flat - foot.aim).norm(dim=-1) * depth
    stays = foot.stands & (speed < _FAST) & (drift < _DRIFT)
    begins = ~foot.stands & (foot.seen[:, None] & (speed < _SLOW) if soon is None else soon)
    stands = stays | begins
    # Where the foot was shown in the frame before, so that nothing jumps.
    fading = foot.hold * fade
    shown = foot.shift[:, None] + (foot.offset - foot.shift[:, None]) * foot.hold[..., None]
    anchor = torch.where(begins[..., None], ankle + shown, foot.anchor)
    nearer = rotations.slerp(turn, foot.turn, fading[..., None])
    held_turn = torch.where(begins[..., None], nearer, foot.turn)
    offset = torch.where(stands[..., None], anchor - ankle, foot.offset)
    hold = torch.where(stands, 1.0, fading)
    share = hold.sum(1, keepdim=True).clamp(min=1)
    shift = (hold[..., None] * offset).sum(1) / share
    shift = ray * (shift * ray).sum(-1, keepdim=True)
    aim = torch.where(begins[..., None], flat, foot.aim)
    return _Foot(
        torch.ones_like(foot.seen), flat, stands, anchor, held_turn, aim, offset, hold, shift
    )


class _Legs(NamedTuple):
    """The legs of F frames and T tracks: hip, knee, ankle, ball [F,T,2,3] m, the turns of thigh,
    calf and foot in the world [F,T,2,3,3], and of the pelvis [F,T,3,3]."""

    hip: Tensor
    knee: Tensor
    ankle: Tensor
    ball: Tensor
    thigh: Tensor
    calf: Tensor
    turn: Tensor
    pelvis: Tensor

    @classmethod
    def of(cls, rig: Rig, posed: PosedJoints, shape: torch.Size) -> "_Legs":
        """Return those of posed bodies [F*T]."""
        bones = ("thigh", "calf", "foot", "ball")
        number = [[rig.index(f"{bone}_{side}") for _, side in SIDES] for bone in bones]
        hip, knee, ankle, ball = (posed.position[:, some].unflatten(0, shape) for some in number)
        thigh, calf, foot = (posed.rotation[:, some].unflatten(0, shape) for some in number[:3])
        pelvis = posed.rotation[:, 0].unflatten(0, shape)
        return cls(hip, knee, ankle, ball, thigh, calf, foot, pelvis)

    def moved(self, rotation: Tensor, held: _Held) -> Tensor:
        """Return the turns of joints [F,T,J,3,3] with legs that reach for where feet are held."""
        rig = mannequin()
        target = self.ankle + held.hold[..., None] * (held.offset - held.shift[:, :, None])
        thigh, calf = reach(self.hip, self.knee, self.ankle, target, self.thigh[..., 2])
        foot = rotations.slerp(rotations.to_quaternions(self.turn), held.turn, held.hold[..., None])
        upper, lower = thigh @ self.thigh, calf @ self.calf
        new = (
            self.pelvis[:, :, None].mT @ upper,
            upper.mT @ lower,
            lower.mT @ rotations.to_matrices(foot),
        )
        changed = rotation.clone()
        holds = (held.hold > 0)[..., None, None]
        for bone, turn in zip(("thigh", "calf", "foot"), new, strict=True):
            number = [rig.index(f"{bone}_{side}") for _, side in SIDES]
            changed[:, :, number] = torch.where(holds, turn, rotation[:, :, number])
        return changed


def _remembered(state: FootState | None, ids: Tensor) -> _Foot:
    """Return what is known of the tracks `ids` [T]: nothing, or what the state says."""
    count = len(ids)
    none = torch.zeros(count, 2, dtype=torch.float64)
    three = torch.zeros(count, 2, 3, dtype=torch.float64)
    whole = torch.zeros(count, 2, 4, dtype=torch.float64)
    whole[..., 0] = 1
    fresh = _Foot(
        seen=torch.zeros(count, dtype=torch.bool),
        flat=three[..., :2],
        stands=none > 0,
        anchor=three,
        turn=whole,
        aim=three[..., :2],
        offset=three,
        hold=none,
        shift=three[:, 0],
    )
    if state is None:
        return fresh
    at = torch.searchsorted(ids, state.ids)
    pairs = zip(fresh, state.values, strict=True)
    return _Foot(*(empty.index_put((at,), known) for empty, known in pairs))


def _where(there: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Return `one` where there is somebody, else `other`, of any number of dimensions."""
    return torch.where(there.view(*there.shape, *[1] * (one.ndim - there.ndim)), one, other)


def _rounded(values: Tensor) -> Tensor:
    """Return numbers in float64 as float32 has them; others as they are."""
    return values.float().double() if values.is_floating_point() else values


@cache
def _exact() -> Rig:
    """Return the mannequin in float64."""
    rig = mannequin()
    names = ("rest", "tails", "template", "shape_rest", "shape_tails", "shape_template")
    exact: dict[str, Any] = {name: getattr(rig, name).double() for name in names}
    return replace(rig, **exact)
