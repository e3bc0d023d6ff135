"""What is known about the objects of images, as arrays: read and judged without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .object_truth import ObjectKinds, ObjectTruth

Array = NDArray[np.float64]

_ARRAYS = ("rotation", "translation", "depth", "offsets", "intrinsics")


@dataclass(frozen=True, kw_only=True)
class Record:
    """N objects of one image; every field is that of `ObjectTruth`, in float64."""

    name: str
    size: tuple[int, int]
    classes: NDArray[np.int64]
    boxes: Array
    keypoints: Array
    image: Path | None = None
    rotation: Array | None = None
    translation: Array | None = None
    depth: Array | None = None
    offsets: Array | None = None
    intrinsics: Array | None = None
    cad_points: tuple[Array, ...] = ()
    mask: Path | None = None

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def z(self) -> Array | None:
        """[N] m along the optical axis, as given apart or that of the translation."""
        if self.depth is not None or self.translation is None:
            return self.depth
        return self.translation[:, 2]

    @classmethod
    def of(cls, truth: ObjectTruth) -> Record:
        """Return the same of tensors."""
        known = {name: getattr(truth, name) for name in _ARRAYS}
        return cls(
            name=truth.name,
            size=truth.size,
            image=truth.image,
            mask=truth.mask,
            classes=truth.classes.numpy(),
            boxes=truth.boxes.double().numpy(),
            keypoints=truth.keypoints.double().numpy(),
            cad_points=tuple(points.double().numpy() for points in truth.cad_points),
            **{name: None if v is None else v.double().numpy() for name, v in known.items()},
        )

    def truth(self) -> ObjectTruth:
        """Return the same as tensors, in float32."""
        import torch

        from .object_truth import ObjectTruth

        known: dict[str, Any] = {name: getattr(self, name) for name in _ARRAYS}
        return ObjectTruth(
            name=self.name,
            size=self.size,
            image=self.image,
            mask=self.mask,
            classes=torch.from_numpy(self.classes),
            boxes=torch.from_numpy(self.boxes).float(),
            keypoints=torch.from_numpy(self.keypoints).float(),
            cad_points=tuple(torch.from_numpy(points).float() for points in self.cad_points),
            **{
                name: None if values is None else torch.from_numpy(values).float()
                for name, values in known.items()
            },
        )


@dataclass(frozen=True)
class RecordKinds:
    """What all images of a data set share; every field is that of `ObjectKinds`, in float64."""

    classes: tuple[str, ...]
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    sigmas: Array = field(default_factory=lambda: np.zeros(0))
    rotations: tuple[Array, ...] = ()
    axes: Array = field(default_factory=lambda: np.zeros((0, 3)))
    mirrors: Array = field(default_factory=lambda: np.zeros((0, 3)))
    flip: tuple[int, ...] = ()

    @classmethod
    def of(cls, kinds: ObjectKinds) -> RecordKinds:
        """Return the same of tensors."""
        return cls(
            kinds.classes,
            kinds.keypoints,
            kinds.skeleton,
            kinds.sigmas.double().numpy(),
            tuple(turns.double().numpy() for turns in kinds.rotations),
            kinds.axes.double().numpy(),
            kinds.mirrors.double().numpy(),
            kinds.flip,
        )

    def kinds(self) -> ObjectKinds:
        """Return the same as tensors, in float32."""
        import torch

        from .object_truth import ObjectKinds

        return ObjectKinds(
            self.classes,
            self.keypoints,
            self.skeleton,
            torch.from_numpy(self.sigmas).float(),
            tuple(torch.from_numpy(turns).float() for turns in self.rotations),
            torch.from_numpy(self.axes).float(),
            torch.from_numpy(self.mirrors).float(),
            self.flip,
        )

    @property
    def symmetric(self) -> NDArray[np.bool_]:
        """[C], which classes look the same after some turn."""
        turned = np.array([len(turns) > 1 for turns in self.rotations], bool)
        return turned | self.axes.any(1)


@dataclass(frozen=True)
class Records:
    """The images of one split.

    notes: what of the files is not used
    """

    root: Path
    split: str
    kinds: RecordKinds
    images: tuple[Record, ...]
    notes: tuple[str, ...] = ()


def plain_kinds(
    classes: tuple[str, ...],
    keypoints: tuple[str, ...] = (),
    sigmas: Array | None = None,
    flip: tuple[int, ...] = (),
    skeleton: tuple[tuple[int, int], ...] = (),
) -> RecordKinds:
    """Return the kinds of a data set whose classes have no symmetries that are known.

    sigmas: [K]; None: of no keypoints
    """
    return RecordKinds(
        classes,
        keypoints,
        skeleton,
        np.zeros(0) if sigmas is None else sigmas,
        (np.eye(3)[None],) * len(classes),
        np.zeros((len(classes), 3)),
        np.zeros((len(classes), 3)),
        flip,
    )
