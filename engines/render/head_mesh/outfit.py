"""`Outfit`: what heads wear, with what hides its far side and the shadow that it casts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from ...errors import InputError
from ..mesh.instances import Instances
from ..mesh.load import load_meshes
from ..mesh.mesh import Mesh
from .choices import MESHES
from .following import Following
from .glasses import glasses
from .heads_found import HeadsFound
from .placement import Placement
from .shadow import shadowed_face
from .skull import face_beneath, skull

_MASK = Path(__file__).parent / "medical_mask.npz"
# How a mesh follows the face unless something else is asked.
_OWN_FOLLOWING = {"medical_mask": "low_frequency"}


@dataclass(frozen=True)
class _Part:
    """A mesh in the axes of the canonical face, and how it follows."""

    mesh: Mesh
    following: Following


@dataclass(frozen=True)
class Outfit:
    """Meshes in the axes of the canonical face, cm, on one device.

    worn:    what is seen
    hiding:  what hides what is behind it: the face, then the skull
    shadow:  the face with the light that it gets below what is worn, or None
    follows: whether anything follows the points of the face
    """

    worn: tuple[_Part, ...]
    hiding: tuple[_Part, _Part]
    shadow: _Part | None
    follows: bool

    @classmethod
    def of(
        cls,
        meshes: Sequence[Mesh],
        following: str = "rigid",
        *,
        device: torch.device | str = "cpu",
    ) -> "Outfit":
        """Prepare meshes, at least one, that are in the axes of the canonical face, on the CPU.

        following: rigid, low_frequency or full, see `Following`

        Raises `InputError` for another.
        """

        def part(mesh: Mesh) -> _Part:
            there = mesh.to(device)
            return _Part(there, Following.of(there.vertices, following))

        shadow = shadowed_face(tuple(meshes))
        return cls(
            tuple(part(mesh) for mesh in meshes),
            (part(face_beneath()), part(skull())),
            None if shadow is None else part(shadow),
            following != "rigid",
        )

    @property
    def vertices(self) -> int:
        """How many vertices are placed on each head."""
        parts = [*self.worn, *self.hiding, *([self.shadow] if self.shadow else [])]
        return sum(len(part.mesh.vertices) for part in parts)

    def on(self, heads: HeadsFound) -> tuple[list[Instances], list[Instances], Instances | None]:
        """Return what is worn, what hides, and the shadow, on every head."""
        worn = [heads.wearing(part.mesh, part.following) for part in self.worn]
        face, head = self.hiding  # the face hides from behind, too: it is open
        hiding = [
            heads.wearing(face.mesh, face.following, occluder=True),
            heads.wearing(head.mesh, head.following, cull=True, occluder=True),
        ]
        shadow = None
        if self.shadow is not None:
            shadow = heads.wearing(self.shadow.mesh, self.shadow.following, cull=True)
        return worn, hiding, shadow


@lru_cache(maxsize=4)
def outfit(
    mesh: str,
    file: Path | None = None,
    *,
    placement: Placement,
    following: str = "auto",
    device: torch.device | str = "cpu",
    changed: float = 0.0,
) -> Outfit:
    """Return what a user chose, and keep it for the next call.

    mesh:      medical_mask, glasses, or file
    file:      of `load_meshes`
    following: auto, or see `Outfit.of`
    changed:   when the file was written: another time, and it is read again

    Raises `InputError` for another name, and what `load_meshes` and `Placement.of` raise.
    """
    if mesh == "file" and file is not None:
        found = load_meshes(file)
    elif mesh == "medical_mask":
        found = load_meshes(_MASK)
    elif mesh == "glasses":
        found = list(glasses())
    else:
        raise InputError(f"mesh: expected one of {', '.join(MESHES)}, found {mesh[:40]!r}")
    if following == "auto":
        following = _OWN_FOLLOWING.get(mesh, "rigid")
    return Outfit.of(placement.of(found), following, device=device)
