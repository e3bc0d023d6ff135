"""Clothes, skin and hair for the mannequin, drawn by chance."""

import torch
from torch import Tensor

from ..body.rig import Rig
from ..render.mesh.mesh import Mesh
from .seeded import uniform

OUTFITS = 48
EYE = (0.029, 0.734, 0.127)  # m, the left one, on the surface at rest

_STREAM = 900  # apart from those of pictures
_PALE, _DARK = (0.96, 0.80, 0.70), (0.28, 0.17, 0.12)  # skin
_HAIR = ((0.08, 0.06, 0.05), (0.85, 0.70, 0.45))
_HAIRLINE, _NAPE, _BROW = 0.772, 0.70, 0.05  # m: height, height at the back, how far forward it is
_EYE, _MOUTH = 0.011, 0.02  # m, radii
_LIPS = (0.0, 0.664, 0.145)
_PATTERN = 0.4  # part of clothes that have one
_PERIOD = (0.02, 0.12)  # m, of its stripes
_PARTS = {
    "shirt": ("spine", "clavicle", "upperarm", "neck"),
    "sleeve": ("lowerarm",),
    "trousers": ("pelvis", "thigh"),
    "leg": ("calf",),
    "shoe": ("foot", "ball"),
}


def outfits(rig: Rig, seed: int) -> list[Mesh]:
    """Return the mannequin in `OUTFITS` outfits, on the CPU."""
    draws = uniform(seed, torch.arange(OUTFITS), 40, _STREAM)
    return [
        Mesh(rig.template, rig.triangles, colours=_colours(rig, row), name="person")
        for row in draws
    ]


def _colours(rig: Rig, draws: Tensor) -> Tensor:
    """Return [V,3] for draws [40] in 0..1."""
    bone = rig.weights.argmax(1)
    kinds = [joint.partition("_")[0] for joint in rig.joints]
    tone = draws[0] ** 1.2
    skin = torch.tensor(_PALE) * (1 - tone) + torch.tensor(_DARK) * tone
    colours = skin.repeat(len(bone), 1)
    bare = {"sleeve": bool(draws[1] < 0.5), "leg": bool(draws[2] < 0.3)}
    cloth = {"shirt": draws[3:12], "trousers": draws[12:21], "shoe": draws[21:30]}
    cloth |= {"sleeve": cloth["shirt"], "leg": cloth["trousers"]}
    for part, bones in _PARTS.items():
        if bare.get(part):
            continue
        joints = torch.tensor([n for n, kind in enumerate(kinds) if kind in bones])
        at = torch.isin(bone, joints)
        colours[at] = _cloth(rig.template[at], cloth[part])
    head = bone == rig.index("head")
    return _head(colours, rig.template, head, draws[30:])


def _cloth(places: Tensor, draws: Tensor) -> Tensor:
    """Return the colours [N,3] of cloth at places [N,3] m: plain, or with stripes of a second."""
    one, other = draws[:3], draws[3:6]
    if float(draws[6]) > _PATTERN:
        return one.expand(len(places), -1)
    low, high = _PERIOD
    along = places[:, 1] if float(draws[8]) < 0.6 else places[:, 0]
    wave = torch.sin(along * 2 * torch.pi / (low + (high - low) * float(draws[7])))
    return torch.where(wave[:, None] > 0, one, other)


def _head(colours: Tensor, places: Tensor, head: Tensor, draws: Tensor) -> Tensor:
    _, y, z = places.unbind(1)
    dark, fair = (torch.tensor(end) for end in _HAIR)
    hair = dark + (fair - dark) * draws[0] ** 2
    long = _NAPE - 0.06 * float(draws[1])
    top = y > _HAIRLINE + 0.02 * float(draws[2])
    colours[head & (top | ((z < _BROW) & (y > long)))] = hair
    for side in (-1, 1):
        eye = places.new_tensor(EYE) * places.new_tensor([side, 1, 1])
        colours[head & ((places - eye).norm(dim=1) < _EYE)] = dark
    lips = (places - places.new_tensor(_LIPS)) * places.new_tensor([0.6, 2, 1])
    mouth = head & (lips.norm(dim=1) < _MOUTH)
    colours[mouth] = colours[mouth] * places.new_tensor([0.85, 0.5, 0.5])
    return colours
