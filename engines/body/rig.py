"""Rigs: a skeleton of joints, the surface that it moves, and the shapes that both can take."""

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from ..checks import check_shape
from ..errors import InputError
from .tensors import moved

_FOLDER = Path(__file__).parent
MANNEQUIN = "mannequin"
SMPL = "smpl"
"""How the names of rigs from users' SMPL files begin; a part of the file's digest follows."""


@dataclass(frozen=True)
class Rig:
    """A body of V vertices that J joints move. Axes: x to the body's left, y up, z to its front.

    Units are metres. At rest every joint's axes are the world's; parents stand before their
    children, and the first joint, the pelvis, has none.

    name:           what `Bodies.rig` calls it
    joints:         J names
    parents:        [J] int64, -1 for the first joint
    rest:           [J,3] m, where the joints lie at rest
    tails:          [J,3] m, where the bones of the joints end at rest
    template:       [V,3] m, the surface at rest
    triangles:      [T,3] int64, counter-clockwise seen from outside
    skin_index:     [V,4] int64, the joints that move a vertex
    skin_weight:    [V,4] by how much, 0..1, 1 together
    shapes:         S names of what `shape` coefficients do
    shape_template: [S,V,3] m, what one unit of a coefficient adds to the surface
    shape_rest:     [S,J,3] m, to the joints
    shape_tails:    [S,J,3] m, to the ends of the bones
    pose_template:  [9(J-1),V,3] m, what one unit of each entry of (R - identity), row by row, of
                    every joint but the first adds to the surface; None = nothing

    Raises `InputError` when shapes do not fit together, and for joints before their parents.
    """

    name: str
    joints: tuple[str, ...]
    parents: Tensor
    rest: Tensor
    tails: Tensor
    template: Tensor
    triangles: Tensor
    skin_index: Tensor
    skin_weight: Tensor
    shapes: tuple[str, ...]
    shape_template: Tensor
    shape_rest: Tensor
    shape_tails: Tensor
    pose_template: Tensor | None = None

    def __post_init__(self) -> None:
        joints, shapes = len(self.joints), len(self.shapes)
        check_shape("Rig.template", self.template, ("vertices", 3))
        vertices = len(self.template)
        check_shape("Rig.parents", self.parents, (joints,))
        check_shape("Rig.rest", self.rest, (joints, 3))
        check_shape("Rig.tails", self.tails, (joints, 3))
        check_shape("Rig.triangles", self.triangles, ("triangles", 3))
        check_shape("Rig.skin_index", self.skin_index, (vertices, "influences"))
        check_shape("Rig.skin_weight", self.skin_weight, tuple(self.skin_index.shape))
        check_shape("Rig.shape_template", self.shape_template, (shapes, vertices, 3))
        check_shape("Rig.shape_rest", self.shape_rest, (shapes, joints, 3))
        check_shape("Rig.shape_tails", self.shape_tails, (shapes, joints, 3))
        if self.pose_template is not None:
            check_shape("Rig.pose_template", self.pose_template, (9 * (joints - 1), vertices, 3))
        above = self.parents.tolist()
        if above[:1] != [-1] or any(not 0 <= p < j for j, p in enumerate(above) if j):
            raise InputError(
                f"rig {self.name}: expected one first joint with the parent -1 and every other "
                f"joint after its parent, found the parents {above}"
            )

    def index(self, joint: str) -> int:
        """Return the number of a joint. Raises `InputError` for a name that the rig lacks."""
        if joint not in self.joints:
            raise InputError(
                f"rig {self.name}: no joint {joint!r}; it has {', '.join(self.joints)}"
            )
        return self.joints.index(joint)

    def to(self, device: torch.device | str) -> "Rig":
        """Return the same rig on `device`."""
        if self.rest.device == torch.device(device):
            return self
        return moved(self, device)

    @cached_property
    def levels(self) -> tuple[Tensor, ...]:
        """The joints by how many joints lie above them: int64 numbers, the first joint alone."""
        depth: list[int] = []
        for parent in self.parents.tolist():
            depth.append(0 if parent < 0 else depth[parent] + 1)
        at = torch.tensor(depth)
        device = self.rest.device
        return tuple((at == d).nonzero()[:, 0].to(device) for d in range(max(depth) + 1))

    @cached_property
    def weights(self) -> Tensor:
        """[V,J] by how much each joint moves each vertex."""
        empty = self.rest.new_zeros(len(self.template), len(self.joints))
        return empty.scatter_add_(1, self.skin_index, self.skin_weight)


@cache
def mannequin() -> Rig:
    """Return the embedded body, a clothed mannequin 1.66 m tall, on the CPU; see NOTICE.

    Its shapes are those of the file and `size`, which scales the whole body: 0.1 is a tenth larger.
    """
    with safe_open(_FOLDER / f"{MANNEQUIN}.safetensors", "pt") as file:
        held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 # no mapping
        about = file.metadata()
    # The file's first bone lies on the ground and moves nothing: the pelvis comes first here.
    rest, tails = held["heads"][1:], held["tails"][1:]
    weight = held["skin_weight"].float()
    template = held["template"]
    return Rig(
        name=MANNEQUIN,
        joints=tuple(json.loads(about["bones"])[1:]),
        parents=held["parents"][1:].long() - 1,
        rest=rest,
        tails=tails,
        template=template,
        triangles=held["triangles"].long(),
        skin_index=(held["skin_index"].long() - 1).clamp(min=0),
        skin_weight=weight / weight.sum(1, keepdim=True),  # they are stored as fp16
        shapes=(*json.loads(about["shapes"]), "size"),
        shape_template=torch.cat([held["shapes"].float(), template[None]]),
        shape_rest=torch.cat([held["head_shapes"][:, 1:], rest[None]]),
        shape_tails=torch.cat([held["tail_shapes"][:, 1:], tails[None]]),
    )


_own: dict[str, Rig] = {}


def keep_rig(rig: Rig) -> Rig:
    """Make a rig of a user's file known to `rig_named`, and return it.

    Its name has to follow from its content, as it is that of no other rig.
    """
    return _own.setdefault(rig.name, rig)


def rig_named(name: str) -> Rig:
    """Return a rig on the CPU: the embedded one, or one that `keep_rig` was given.

    Raises `InputError` for a name that is not known.
    """
    if name == MANNEQUIN:
        return mannequin()
    if name in _own:
        return _own[name]
    if name.startswith(SMPL):
        raise InputError(
            f"rig: the bodies are those of {name!r}, an SMPL file that has not been read here; "
            "name it as smpl in Load Body Model File"
        )
    raise InputError(f"rig: expected {MANNEQUIN}, found {name!r}")
