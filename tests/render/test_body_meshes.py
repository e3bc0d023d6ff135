"""Bodies drawn as meshes: looked at from all sides."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.rig import mannequin
from kinograph.engines.errors import InputError
from kinograph.engines.geometry import rotations
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.render.body_meshes import body_meshes
from kinograph.engines.render.mesh.draw import draw_meshes

RIG = mannequin()
# Turns of joints in rad: one knee lifted, one arm raised, the other bent.
POSE = {
    "thigh_l": (-1.2, 0.0, 0.0),
    "calf_l": (1.3, 0.0, 0.0),
    "upperarm_l": (0.0, 0.0, 1.6),
    "lowerarm_r": (-0.6, 0.0, 0.0),
    "spine_02": (0.1, 0.2, 0.0),
    "head": (0.0, -0.5, 0.0),
}


def four() -> Bodies:
    """Four bodies in one frame: from the front, both sides, and the back."""
    size = (240, 400)
    vectors = torch.zeros(len(RIG.joints), 3)
    for joint, turn in POSE.items():
        vectors[RIG.index(joint)] = torch.tensor(turn)
    turns = rotations.turn_by(vectors).repeat(1, 4, 1, 1, 1)
    about = torch.arange(4) * math.pi / 2
    turns[0, :, 0] = rotations.turn_by(torch.stack([about * 0, about, about * 0], 1))
    empty = Bodies.empty(1, size, Camera.of_field_of_view(size, 30), RIG, bodies=4)
    at = torch.tensor([[[-1.5, 0, -5], [-0.5, 0, -5], [0.5, 0, -5], [1.5, 0, -5.0]]])
    return replace(empty, rotation=turns, translation=at, count=torch.tensor([4]))


def test_from_all_sides(golden: Callable[[str, Tensor], None]) -> None:
    bodies = four()
    image, _ = draw_meshes([body_meshes(bodies)], bodies.camera, 1)
    golden("bodies", image[0])


def test_unknown_rigs_are_refused() -> None:
    with pytest.raises(InputError, match="rig: expected mannequin, found 'giant'"):
        body_meshes(replace(four(), rig="giant"))


def test_nobody() -> None:
    nobody = replace(four(), count=torch.tensor([0]))
    image, mask = draw_meshes([body_meshes(nobody)], nobody.camera, 1)
    assert image.max() == mask.max() == 0
