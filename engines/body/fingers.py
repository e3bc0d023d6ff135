"""How the hands and fingers of bodies are bent, from where they appear in the picture."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry import rotations
from ..pose.poses import Poses
from ..pose.skeletons import SKELETONS
from .bodies import Bodies
from .fit import confidence
from .ik.chain import SIDES
from .ik.hand import hand_chain
from .ik.solve import Solved, across, solve
from .kinematics import pose_joints
from .placing import rays
from .rig import MANNEQUIN, mannequin

_ROUNDS, _STEPS = 8, 2  # after each round the size of the hand is estimated again
_NOISE = 0.006  # m, of points
_SIZES = (0.7, 1.45)  # by which what is seen is enlarged; beyond them it is no hand
_FIRST = 0.25  # rad, by which fingers are bent further than at rest to begin with
_MISSED = 0.015  # m, mean distance of a hand's points from which it is not believed
_LEAST = 0.5  # part of a hand's points that must be seen


def hands_shown(people: Poses) -> Tensor:
    """Return which hands of people are seen [F,P,2] bool, left and right."""
    parts = SKELETONS[people.skeleton].parts
    if "left_hand" not in parts:
        return people.present.new_zeros(*people.present.shape, len(SIDES))
    seen = [people.confidence[..., parts[f"{side}_hand"]] > 0 for side, _ in SIDES]
    shown = torch.stack(seen, -2).float().mean(-1) >= _LEAST
    return shown & people.present[..., None]


def with_fingers(bodies: Bodies, people: Poses) -> tuple[Bodies, Tensor]:
    """Return bodies whose hands are posed as those of `people`, and which ones [F,P,2] bool, left
    and right, are.

    people: of the same frames, with the tracks of the bodies

    The wrist and the joints of the fingers are turned until the points of the hand appear where
    they are in the picture, within what joints turn; the palm faces as that of the body, and the
    fingers bend towards it, which a picture alone does not show. Hands that are not seen, that do
    not fit, and those of bodies that are not seen or are no mannequins stay as they are.
    """
    people = people.to(bodies.device)
    shown = hands_shown(people)
    hands = bodies.present.new_zeros(*bodies.present.shape, len(SIDES))
    if bodies.rig != MANNEQUIN or not bool(shown.any()):
        return bodies, hands
    # [F,P of bodies,P of people]: a track is in a frame once
    same = bodies.track_ids[..., None] == people.track_ids[:, None]
    same &= bodies.present[..., None] & (bodies.confidence.amax(-1) > 0)[..., None]
    frame, place, person, side = (same[..., None] & shown[:, None]).nonzero(as_tuple=True)
    rig, at = mannequin(), (frame, place)
    posed = pose_joints(rig, bodies.rotation[at], bodies.translation[at], bodies.shape[at])
    size = 1 + bodies.shape[at][:, rig.shapes.index("size")]
    table = bodies.camera.of_frames(frame)
    rotation, sure = bodies.rotation, bodies.confidence
    for number, (name, _) in enumerate(SIDES):
        chain = hand_chain(name).to(bodies.device)
        mine = side == number
        at, joints = (frame[mine], place[mine]), chain.joints
        here = SKELETONS[people.skeleton].parts[f"{name}_hand"]
        weights = people.confidence[frame[mine], person[mine]][:, here]
        image = people.keypoints[frame[mine], person[mine]][:, here]
        # Where the points would lie if they were as far away as the wrist, in the forearm's axes.
        forearm = posed.rotation[mine, int(rig.parents[joints[0]])]
        wrist = posed.position[mine, joints[0]]
        ray = F.pad(rays(image, table[:, mine]), (0, 1), value=-1.0)
        points = (ray * -wrist[:, None, 2:] - wrist[:, None]) @ forearm / size[mine, None, None]
        along = (F.normalize(wrist, dim=-1)[:, None] @ forearm)[:, 0]
        found, scale = _fitted(name, points, weights, rotation[at][:, joints], along)
        right = (found.residual <= _MISSED) & (scale > _SIZES[0]) & (scale < _SIZES[1])
        put = (at[0][right, None], at[1][right, None], joints[None])
        rotation = rotation.index_put(put, found.rotation[right])
        sure = sure.index_put(put, confidence(chain, weights[right]))
        hands = hands.index_put((*at, torch.full_like(at[0], number)), right)
    return replace(bodies, rotation=rotation, confidence=sure), hands


def _fitted(
    side: str, points: Tensor, weights: Tensor, start: Tensor, along: Tensor
) -> tuple[Solved, Tensor]:
    """Return hands that appear where they are, in the axes of the forearm, and how much larger
    they are [N] than they appear, within `_SIZES`.

    points:  [N,21,3] m from the wrist, of the mannequin's size; how far they are away is not known
    weights: [N,21] 0..1
    start:   [N,16,3,3] turns to begin with
    along:   [N,3] unit vectors, from the camera to the wrist
    """
    chain = hand_chain(side).to(points.device)
    counted = weights[..., None]
    total = counted.sum(1, keepdim=True).clamp(min=1e-6)

    def centred(at: Tensor) -> Tensor:
        """Return points from their middle [N,21,3], without what cannot be seen of them."""
        return across(at - (at * counted).sum(1, keepdim=True) / total, along)

    seen = centred(points)
    square = (seen.square() * counted).sum((1, 2)).clamp(min=1e-9)
    first = rotations.turn_by(chain.axes[1:, 1] * _FIRST)
    held = torch.cat([start[:, :1], first @ start[:, 1:]], 1), points.new_zeros(len(points), 3)

    def solved(scale: Tensor, held: tuple[Tensor, Tensor]) -> Solved:
        return solve(
            chain,
            mannequin(),
            seen * scale[:, None, None],
            weights,
            start=held,
            steps=_STEPS,
            noise=_NOISE,
            along=along,
        )

    scale = torch.ones_like(square)
    found = solved(scale, held)
    for _ in range(_ROUNDS - 1):
        lie = centred(found.points)
        scale = ((lie * seen * counted).sum((1, 2)) / square).clamp(*_SIZES)
        found = solved(scale, (found.rotation, found.pelvis))
    return found, scale
