"""The bones of a rig that inverse kinematics turns, how far they turn, and what is attached."""

from dataclasses import dataclass
from functools import cache, cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import InputError
from ..rig import Rig, mannequin
from ..tensors import moved

SIDES = (("left", "l"), ("right", "r"))

# How far bones turn from rest, as standard deviations in rad: about their own direction, about the
# axis that they flex around, and about the third one. Estimates of people at work and sport; what
# points show clearly outweighs them.
_FREE = 3.0
_SPREAD = {
    "pelvis": (100.0, 100.0, 100.0),
    "spine": (0.2, 0.3, 0.2),
    "neck": (0.4, 0.4, 0.3),
    "head": (0.5, 0.5, 0.4),
    "clavicle": (0.15, 0.25, 0.25),
    "upperarm": (1.0, _FREE, _FREE),
    "lowerarm": (0.7, _FREE, 0.1),
    "hand": (0.15, 0.6, 0.4),
    "thigh": (0.5, 2.0, 1.0),
    "calf": (0.2, _FREE, 0.08),
    "foot": (0.25, 0.5, 0.25),
}

# Beyond these angles from rest, rad, a bone is pulled back as strongly as points pull: lowest and
# highest about the same three axes. Joint ranges of healthy adults, rounded: forearms turn 80 to 90
# degrees either way, knees flex to 150, elbows to 150 from straight (at rest they are bent by 40).
_ANY = (-10.0, 10.0)
_LIMITS = {
    "neck": ((-0.7, 0.7), (-0.7, 0.7), (-0.6, 0.6)),
    "head": ((-0.8, 0.8), (-0.7, 0.7), (-0.6, 0.6)),
    "lowerarm": ((-1.4, 1.4), (-0.75, 1.95), (-0.15, 0.15)),
    "hand": ((-0.3, 0.3), (-1.2, 1.2), (-0.6, 0.6)),
    "thigh": ((-0.8, 0.8), _ANY, _ANY),
    "calf": ((-0.4, 0.4), (-0.05, 2.6), (-0.1, 0.1)),
    "foot": ((-0.5, 0.5), (-0.9, 0.7), (-0.5, 0.5)),
}

# Points of the mannequin at rest, m, at the left where there are two. Those of the head are on its
# surface; heels and toes lie further inside the foot, where the network places them.
_SURFACE = {
    "nose": ("head", (0.0, 0.6998, 0.1596)),
    "left_ear": ("head", (0.0790, 0.7250, 0.0329)),
    "left_heel": ("foot_l", (0.1780, -0.7950, 0.0050)),
    "left_foot_index": ("foot_l", (0.1840, -0.8070, 0.1720)),
}
# Points at which joints lie, and those of the hand.
_JOINTS = {
    "shoulder": "upperarm",
    "elbow": "lowerarm",
    "wrist": "hand",
    "hip": "thigh",
    "knee": "calf",
    "ankle": "foot",
}
_KNUCKLES = {"index": "index_01", "pinky": "pinky_01", "thumb": "thumb_01"}

# How much a point counts beside its visibility: the network places hands, feet and faces less
# surely than large joints, and where hips lie in a body is a matter of definition.
_COUNTS = {"nose": 0.7, "ear": 0.7, "index": 0.5, "pinky": 0.5, "thumb": 0.2, "heel": 0.7}


@dataclass(frozen=True)
class Chain:
    """B bones of a rig, each after its parent, and M points that are attached to them.

    bones:   names
    joints:  [B] int64, their numbers in the rig
    parents: [B] int64, -1 for the first bone, the pelvis
    rest:    [B,3] m, where they begin at rest
    points:  names of the M points, as networks call them
    bone:    [M] int64, the bone that each is attached to
    offset:  [M,3] m, from where that bone begins, at rest
    counts:  [M] how much each counts
    moves:   [B,M] bool, whether a bone moves a point
    axes:    [B,3,3] unit vectors, one per row: along the bone, that it flexes around, the third
    spread:  [B,3] rad, how far it turns about them
    limits:  [B,3,2] rad, lowest and highest turn about them
    """

    bones: tuple[str, ...]
    joints: Tensor
    parents: Tensor
    rest: Tensor
    points: tuple[str, ...]
    bone: Tensor
    offset: Tensor
    counts: Tensor
    moves: Tensor
    axes: Tensor
    spread: Tensor
    limits: Tensor

    def point(self, name: str) -> int:
        """Return the number of a point."""
        return self.points.index(name)

    def rest_point(self, name: str) -> Tensor:
        """Return where a point lies at rest [3] m."""
        number = self.point(name)
        return self.rest[self.bone[number]] + self.offset[number]

    def to(self, device: torch.device | str) -> "Chain":
        """Return the same chain on `device`."""
        if self.rest.device == torch.device(device):
            return self
        return moved(self, device)

    @cached_property
    def parent_of(self) -> tuple[int, ...]:
        """Of each bone the number of its parent, -1 for the first one."""
        return tuple(self.parents.tolist())

    @cached_property
    def shown_by(self) -> Tensor:
        """[B,E] int64, the points that show how each bone is turned, some of them repeatedly: those
        on the bone itself, and those at which the next ones begin. A bone without points, such as a
        vertebra, has those of the ones next to it."""
        parents = self.parent_of
        starts = (self.offset == 0).all(1).tolist()
        ends: list[list[int]] = [[] for _ in parents]
        for point, bone in enumerate(self.bone.tolist()):
            ends[bone].append(point)
            if starts[point] and parents[bone] >= 0:
                ends[parents[bone]].append(point)
        for bone in range(len(parents) - 1, 0, -1):
            if not ends[parents[bone]]:
                ends[parents[bone]] = ends[bone]
        for bone, parent in enumerate(parents):
            ends[bone] = ends[bone] or ends[parent]
        most = max(map(len, ends))
        rows = [some + some[:1] * (most - len(some)) for some in ends]
        with torch.inference_mode(False):
            return torch.tensor(rows, device=self.rest.device)


@cache
def mannequin_chain() -> Chain:
    """Return the chain of the embedded mannequin, on the CPU: 20 bones and 25 points."""
    return chain_of(mannequin())


def chain_of(rig: Rig) -> Chain:
    """Return the chain of a rig with the mannequin's joints and size, on the rig's device.

    Raises `InputError` for a rig without one of these joints.
    """
    limbs = [
        [f"{bone}_{s}" for _, s in SIDES for bone in bones]
        for bones in (("clavicle", "upperarm", "lowerarm", "hand"), ("thigh", "calf", "foot"))
    ]
    spine = ["pelvis", "spine_01", "spine_02", "spine_03", "neck_01", "head"]
    bones = (*spine, *limbs[0], *limbs[1])
    joints = torch.tensor([rig.index(bone) for bone in bones])
    number = {int(joint): place for place, joint in enumerate(joints)}
    above = [int(rig.parents[joint]) for joint in joints]
    if any(parent not in number for parent in above[1:]) or above[0] != -1:
        raise InputError(f"rig {rig.name}: expected the mannequin's skeleton, found other parents")
    parents = torch.tensor([number.get(parent, -1) for parent in above])
    rest = rig.rest.cpu()
    places = attached(rig)
    bone = torch.tensor([bones.index(name) for name, _ in places.values()])
    offset = torch.stack([at for _, at in places.values()]) - rest[joints[bone]]
    moves = torch.eye(len(bones), dtype=torch.bool)[:, bone]
    for place in range(len(bones) - 1, 0, -1):  # a bone moves what its children move
        moves[parents[place]] |= moves[place]
    kinds = [name.split("_")[0] for name in bones]
    chain = Chain(
        bones=bones,
        joints=joints,
        parents=parents,
        rest=rest[joints],
        points=tuple(places),
        bone=bone,
        offset=offset,
        counts=torch.tensor([_COUNTS.get(name.rpartition("_")[2], 1.0) for name in places]),
        moves=moves,
        axes=torch.stack([_axes(rig, name) for name in bones]),
        spread=torch.tensor([_SPREAD[kind] for kind in kinds]),
        limits=torch.tensor([_LIMITS.get(kind, (_ANY, _ANY, _ANY)) for kind in kinds]),
    )
    return chain.to(rig.rest.device)


def attached(rig: Rig) -> dict[str, tuple[str, Tensor]]:
    """Return the bone and the place at rest [3] m of every point, by name."""
    rest = rig.rest.cpu()
    found: dict[str, tuple[str, Tensor]] = {}
    for name, (bone, at) in _SURFACE.items():
        found[name] = (bone, torch.tensor(at))
        if name.startswith("left_"):
            mirrored = torch.tensor(at) * torch.tensor([-1.0, 1, 1])
            found[name.replace("left", "right")] = (bone.replace("_l", "_r"), mirrored)
    for side, s in SIDES:
        for name, joint in _JOINTS.items():
            found[f"{side}_{name}"] = (f"{joint}_{s}", rest[rig.index(f"{joint}_{s}")])
        for name, joint in _KNUCKLES.items():
            found[f"{side}_{name}"] = (f"hand_{s}", rest[rig.index(f"{joint}_{s}")])
    return found


def _axes(rig: Rig, bone: str) -> Tensor:
    """Return the axes of a bone [3,3]: its own, that it flexes around, and the third."""
    kind, _, side = bone.partition("_")
    joint = rig.index(bone)
    along = F.normalize((rig.tails[joint] - rig.rest[joint]).cpu(), dim=0)
    if kind in ("lowerarm", "calf"):
        upper = rig.index(f"{'upperarm' if kind == 'lowerarm' else 'thigh'}_{side}")
        before = F.normalize((rig.rest[joint] - rig.rest[upper]).cpu(), dim=0)
        flex = torch.linalg.cross(before, flexing(rig, kind, side))
    else:
        flex = torch.tensor([1.0, 0.0, 0.0])
    flex = F.normalize(flex - along * (flex @ along), dim=0)
    return torch.stack([along, flex, torch.linalg.cross(along, flex)])


def flexing(rig: Rig, kind: str, side: str) -> Tensor:
    """Return the direction [3] across the upper bone that a forearm or a calf flexes towards.

    An elbow is bent at rest, which shows it; a knee flexes to the back.
    """
    upper = rig.index(f"{'upperarm' if kind == 'lowerarm' else 'thigh'}_{side}")
    lower = rig.index(f"{kind}_{side}")
    along = F.normalize((rig.rest[lower] - rig.rest[upper]).cpu(), dim=0)
    if kind == "lowerarm":
        towards = F.normalize((rig.tails[lower] - rig.rest[lower]).cpu(), dim=0)
    else:
        towards = torch.tensor([0.0, 0.0, -1.0])
    return F.normalize(towards - along * (towards @ along), dim=0)
