"""What the network is to say about a batch of images."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from ...checks import check_shape
from ...errors import InputError


@dataclass(frozen=True, kw_only=True)
class Targets:
    """The objects of B images, M places each, padded; NaN stands where something is not known.

    names:      of the images, in errors
    present:    [B,M] bool, which places are taken
    classes:    [B,M] int64, from 0
    boxes:      [B,M,4] cx, cy, w, h as parts of the image; any in an empty place
    rotation:   [B,M,3,3] in the axes of the camera; x right, y down, z away
    z:          [B,M] m along the optical axis
    offsets:    [B,M,2] px of the network's input, from the box's centre to the origin
    keypoints:  [B,M,K,3] x, y as parts of the image; 0 = not labelled, 1 = hidden, 2 = visible
    intrinsics: [B,4] fx, fy, cx, cy in px of the network's input
    k_delta:    [B,4] how the true camera differs from `intrinsics`: fx and fy times 1 + d, cx and
                cy plus d px; None: not at all

    Raises `InputError` for shapes and devices that do not fit together.
    """

    names: tuple[str, ...]
    present: Tensor
    classes: Tensor
    boxes: Tensor
    rotation: Tensor
    z: Tensor
    offsets: Tensor
    keypoints: Tensor
    intrinsics: Tensor
    k_delta: Tensor | None = None

    def __post_init__(self) -> None:
        batch = len(self.names)
        check_shape("Targets.present", self.present, [batch, "M"])
        places = self.present.shape[1]
        check_shape("Targets.classes", self.classes, [batch, places])
        check_shape("Targets.boxes", self.boxes, [batch, places, 4])
        check_shape("Targets.rotation", self.rotation, [batch, places, 3, 3])
        check_shape("Targets.z", self.z, [batch, places])
        check_shape("Targets.offsets", self.offsets, [batch, places, 2])
        check_shape("Targets.keypoints", self.keypoints, [batch, places, "K", 3])
        check_shape("Targets.intrinsics", self.intrinsics, [batch, 4])
        if self.k_delta is not None:
            check_shape("Targets.k_delta", self.k_delta, [batch, 4])

    @property
    def count(self) -> Tensor:
        """How many objects there are in all images, int64."""
        return self.present.sum()

    def to(self, device: torch.device | str) -> "Targets":
        """Return the same on `device`."""
        return self._each(lambda values: values.to(device))

    def at(self, index: Tensor) -> "Targets":
        """Return the images at `index` [N] int64, in this order."""
        names = tuple(self.names[row] for row in index.tolist())
        return self._each(lambda values: values[index], names)

    def in_front(self) -> "Targets":
        """Return the same objects in the first places of their images, as many as there are."""
        order = self.present.int().sort(dim=1, descending=True, stable=True).indices
        order = order[:, : max(1, int(self.present.sum(1).max()))]
        rows = torch.arange(len(order), device=order.device)[:, None]
        per_object = ("present", "classes", "boxes", "rotation", "z", "offsets", "keypoints")
        return replace(self, **{name: getattr(self, name)[rows, order] for name in per_object})

    def _each(
        self, change: Callable[[Tensor], Tensor], names: tuple[str, ...] | None = None
    ) -> "Targets":
        held = {field.name: getattr(self, field.name) for field in fields(self)}
        made = {n: change(value) for n, value in held.items() if isinstance(value, Tensor)}
        return replace(self, names=self.names if names is None else names, **made)

    def check(self, classes: int, keypoints: int, queries: int) -> None:
        """Raise `InputError` that names the image for what a network cannot learn: other classes,
        other keypoints, more objects than queries."""
        if self.keypoints.shape[2] != keypoints:
            raise InputError(
                f"{self.names[0]}: expected {keypoints} keypoints, as the network has, found "
                f"{self.keypoints.shape[2]}"
            )
        counts = self.present.sum(1)
        foreign = ((self.classes < 0) | (self.classes >= classes)) & self.present
        if bool(foreign.any()):
            image, place = foreign.nonzero()[0].tolist()
            raise InputError(
                f"{self.names[image]}: class: expected 0..{classes - 1}, as the network has "
                f"{classes} classes, found {int(self.classes[image, place])}"
            )
        if int(counts.max()) > queries:
            image = int(counts.argmax())
            raise InputError(
                f"{self.names[image]}: expected at most {queries} objects, one per query, found "
                f"{int(counts[image])}; train with more queries"
            )
