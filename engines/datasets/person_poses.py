"""Poses of people drawn by chance: standing, walking, reaching, crouching."""

import torch
from torch import Tensor

from ..body.ik.chain import mannequin_chain
from ..body.rig import mannequin
from ..geometry.rotations import turn_by
from .seeded import uniform

# Turns from rest, rad: what standing people have, and lowest and highest beside it; about the bone,
# the axis that it flexes around, and the third one, which lifts a left limb sideways. Arms are held
# away from the body at rest, and hang by a turn of -0.6.
_TURNS = {
    "spine": ((0.0, -0.15, 0.15), (0.0, -0.1, 0.25), (0.0, -0.1, 0.1)),
    "neck": ((0.0, -0.4, 0.4), (0.0, -0.25, 0.3), (0.0, -0.15, 0.15)),
    "head": ((0.0, -0.4, 0.4), (0.0, -0.25, 0.3), (0.0, -0.15, 0.15)),
    "clavicle": ((0.0, 0.0, 0.0), (0.0, -0.1, 0.1), (0.0, -0.1, 0.2)),
    "upperarm": ((0.0, -0.5, 0.5), (0.0, -2.2, 0.6), (-0.6, -0.1, 1.7)),
    "lowerarm": ((0.0, -0.8, 0.8), (-0.3, -0.3, 2.0), (0.0, 0.0, 0.0)),
    "hand": ((0.0, -0.1, 0.1), (0.0, -0.5, 0.5), (0.0, -0.2, 0.2)),
    "thigh": ((0.0, -0.3, 0.3), (0.0, -1.6, 0.4), (0.0, -0.1, 0.4)),
    "calf": ((0.0, -0.1, 0.1), (0.1, -0.1, 2.0), (0.0, 0.0, 0.0)),
    "foot": ((0.0, -0.1, 0.1), (0.0, -0.3, 0.3), (0.0, -0.1, 0.1)),
}
_LEAST = 0.1  # part of these ranges that the calmest people use
_LEAN = 0.25  # rad, most that a body leans
_SIDES = ("r",)  # whose third turn is the other way round


def drawn_poses(index: Tensor, people: int, seed: int, stream: int) -> Tensor:
    """Return the turns of the mannequin's joints [F,people,J,3,3] relative to their parents.

    index:  [F] int64, the numbers of the pictures, which the poses follow from
    stream: see `uniform`

    The pelvis turns the body before a camera with y up and z towards it: people face anywhere.
    """
    rig, chain = mannequin(), mannequin_chain().to(index.device)
    frames, bones = len(index), len(chain.bones)
    draws = uniform(seed, index, people * (3 * bones + 5), stream).view(frames, people, -1)
    ranges = torch.tensor([_range(bone) for bone in chain.bones], device=index.device)  # [B,3,3]
    calm, about = draws[..., :2], draws[..., 2:5]
    vigour = _LEAST + (1 - _LEAST) * calm  # of arms and legs apart
    legs = torch.tensor([_is_leg(bone) for bone in chain.bones], device=index.device)
    vigour = torch.where(legs, vigour[..., 1:], vigour[..., :1])  # [F,P,B]
    part = draws[..., 5:].unflatten(2, (bones, 3))
    angles = ranges[..., 0] + vigour[..., None] * (
        ranges[..., 1] + part * (ranges[..., 2] - ranges[..., 1])
    )
    turns = turn_by((angles[..., None] * chain.axes).sum(-2))  # [F,P,B,3,3]
    rest = torch.eye(3, device=index.device)
    rotation = rest.repeat(frames, people, len(rig.joints), 1, 1)
    rotation[:, :, chain.joints] = turns
    heading = torch.zeros_like(about)
    heading[..., 1] = (2 * about[..., 0] - 1) * torch.pi
    lean = torch.zeros_like(about)
    lean[..., 0::2] = (2 * about[..., 1:] - 1) * _LEAN
    rotation[:, :, 0] = turn_by(lean) @ turn_by(heading)
    return rotation


def _range(bone: str) -> list[tuple[float, float, float]]:
    """Return what a bone has standing, and the lowest and highest turn beside it, for each axis."""
    kind, _, side = bone.partition("_")
    if kind == "pelvis":
        return [(0.0, 0.0, 0.0)] * 3
    along, flex, (stand, low, high) = _TURNS[kind]
    third = (-stand, -high, -low) if side in _SIDES else (stand, low, high)
    return [along, flex, third]


def _is_leg(bone: str) -> bool:
    return bone.partition("_")[0] in ("thigh", "calf", "foot")
