"""What is known about the objects of one image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from ..checks import check_shape
from ..errors import InputError
from ..geometry.placement import Size


@dataclass(frozen=True, kw_only=True)
class ObjectTruth:
    """N objects of one image, on the CPU.

    name:         of the image, in errors and predictions
    image:        its file; None: made, and in memory
    size:         height and width of the image, px
    classes:      [N] int64, from 0
    boxes:        [N,4] cx, cy, w, h as parts of the image
    keypoints:    [N,K,3] x, y as parts of the image, and 0 = not labelled, 1 = hidden, 2 = visible
    rotation:     [N,3,3] of the object in the axes of the camera: x right, y down, z away; None:
                  not known
    translation:  [N,3] m, of its origin; None: not known
    depth:        [N] m along the optical axis, where it is given apart; None: not
    offsets:      [N,2] px of the image, from the centre of the box to where the origin is seen;
                  None: they follow from translation and intrinsics
    intrinsics:   [4] fx, fy, cx, cy in px of the image; None: not known
    cad_points:   for each object points [V,3] m of its shape; () if not known
    mask:         file of a picture whose value at a pixel is 1 + the object's number, or 0

    Raises `InputError`, which begins with `name`, for shapes that do not fit together.
    """

    name: str
    size: Size
    classes: Tensor
    boxes: Tensor
    keypoints: Tensor
    image: Path | None = None
    rotation: Tensor | None = None
    translation: Tensor | None = None
    depth: Tensor | None = None
    offsets: Tensor | None = None
    intrinsics: Tensor | None = None
    cad_points: tuple[Tensor, ...] = ()
    mask: Path | None = None

    def __post_init__(self) -> None:
        count = len(self.classes)
        check_shape(f"{self.name}: boxes", self.boxes, [count, 4])
        check_shape(f"{self.name}: keypoints", self.keypoints, [count, "K", 3])
        shapes: Mapping[str, Sequence[int | str]] = {
            "rotation": [count, 3, 3],
            "translation": [count, 3],
            "depth": [count],
            "offsets": [count, 2],
            "intrinsics": [4],
        }
        for name, shape in shapes.items():
            values = getattr(self, name)
            if values is not None:
                check_shape(f"{self.name}: {name}", values, shape)
        if len(self.cad_points) not in (0, count):
            raise InputError(
                f"{self.name}: cad_points: expected those of {count} objects, found "
                f"{len(self.cad_points)}"
            )

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def z(self) -> Tensor | None:
        """[N] m along the optical axis, as given apart or that of the translation."""
        if self.depth is not None or self.translation is None:
            return self.depth
        return self.translation[:, 2]


@dataclass(frozen=True)
class ObjectKinds:
    """What all images of a data set share.

    classes:    names, in the order of their numbers
    keypoints:  names of an object's keypoints
    skeleton:   pairs of keypoints, from 0, between which a line is drawn
    sigmas:     [K] of OKS, how widely labels of each keypoint scatter as part of the object's size
    rotations:  for each class the rotations [S,3,3] that leave its look unchanged, the identity
                first
    axes:       [C,3] unit vector of each class that may be turned about without a change; 0: none
    mirrors:    [C,3] unit normal of a plane of each class that mirroring in leaves its look
                unchanged, as that between a body's left and right; 0: none is known
    flip:       [K] the keypoint that each becomes when the picture is mirrored; (): not known
    """

    classes: tuple[str, ...]
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    sigmas: Tensor = field(default_factory=lambda: torch.zeros(0))
    rotations: tuple[Tensor, ...] = ()
    axes: Tensor = field(default_factory=lambda: torch.zeros(0, 3))
    mirrors: Tensor = field(default_factory=lambda: torch.zeros(0, 3))
    flip: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.classes)
        if not self.rotations:
            object.__setattr__(self, "rotations", (torch.eye(3)[None],) * count)
        if not len(self.axes):
            object.__setattr__(self, "axes", torch.zeros(count, 3))
        if not len(self.mirrors):
            object.__setattr__(self, "mirrors", torch.zeros(count, 3))
        if not self.flip:
            object.__setattr__(self, "flip", _sides(self.keypoints))
        keypoints = range(len(self.keypoints))
        if self.flip and [self.flip[n] for n in self.flip if n in keypoints] != [*keypoints]:
            raise InputError(
                f"flip: expected each of {len(keypoints)} keypoints paired with another or with "
                f"itself, found {list(self.flip)}"
            )
        if len(self.sigmas) != len(self.keypoints):
            raise InputError(
                f"sigmas: expected {len(self.keypoints)}, one per keypoint, found "
                f"{len(self.sigmas)}"
            )
        shapes = [list(self.axes.shape), list(self.mirrors.shape)]
        if len(self.rotations) != count or shapes != [[count, 3]] * 2:
            raise InputError(
                f"symmetries: expected those of {count} classes, found {len(self.rotations)}"
            )


def _sides(names: tuple[str, ...]) -> tuple[int, ...]:
    """Return the keypoint that each becomes in a mirror, by the words left and right in their
    names; () if no name has one, or one without its counterpart."""
    swap = {"left": "right", "right": "left", "l": "r", "r": "l"}

    def other(name: str) -> str:
        return "_".join(swap.get(word, word) for word in name.split("_"))

    mirrored = tuple(map(other, names))
    if mirrored == names or set(mirrored) != set(names):
        return ()
    return tuple(map(names.index, mirrored))
