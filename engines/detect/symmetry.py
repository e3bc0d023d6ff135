"""Objects that look the same after some turns, and how far a rotation is from the nearest one."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_shape
from ..geometry.rotations import exp_map, geodesic, to_matrices

_TINY = 1e-12  # under a root, whose slope is infinite at 0


@dataclass(frozen=True)
class Symmetries:
    """The turns of each of C classes that leave its look unchanged.

    rotations: [C,S,3,3], the identity first; classes with fewer than S repeat it
    axes:      [C,3] unit vector of each class that may be turned about by any angle; 0: none
    """

    rotations: Tensor
    axes: Tensor

    def __post_init__(self) -> None:
        check_shape("Symmetries.rotations", self.rotations, ["C", "S", 3, 3])
        check_shape("Symmetries.axes", self.axes, [len(self.rotations), 3])

    @classmethod
    def none(cls, classes: int) -> "Symmetries":
        """Return those of classes that look different from everywhere."""
        return cls(torch.eye(3).expand(classes, 1, 3, 3), torch.zeros(classes, 3))

    @classmethod
    def of(cls, rotations: Sequence[Tensor], axes: Tensor) -> "Symmetries":
        """Return those of classes with lists of rotations [S,3,3] of different lengths."""
        most = max(len(turns) for turns in rotations)
        padded = [
            torch.cat([turns, torch.eye(3).expand(most - len(turns), 3, 3)]) for turns in rotations
        ]
        return cls(torch.stack(padded), axes)

    def to(self, device: torch.device | str) -> "Symmetries":
        """Return the same on `device`."""
        return Symmetries(self.rotations.to(device), self.axes.to(device))

    def trace(self, found: Tensor, wanted: Tensor, classes: Tensor) -> Tensor:
        """Return the largest trace [...], 1 + 2 cos(angle), of what leads from a rotation that
        looks like `wanted` [...,3,3] to `found` [...,3,3], of objects of `classes` [...]."""
        # The trace of (R_wanted S)^T R_found, for every turn S of the class.
        between = wanted.transpose(-1, -2) @ found
        turned = self.rotations[classes].transpose(-1, -2) @ between[..., None, :, :]
        total = turned.diagonal(dim1=-2, dim2=-1).sum(-1)  # [...,S]
        axis = self.axes[classes][..., None, :]  # [...,1,3]
        # The turn about the axis that fits best is known in closed form.
        along = (axis * (turned @ axis[..., None]).squeeze(-1)).sum(-1)
        across = total - along
        twist = turned - turned.transpose(-1, -2)
        sine = (
            axis[..., 0] * twist[..., 2, 1]
            + axis[..., 1] * twist[..., 0, 2]
            + axis[..., 2] * twist[..., 1, 0]
        )
        round_ = axis.abs().sum(-1) > 0
        free = along + (across.square() + sine.square()).clamp(min=_TINY).sqrt()
        return torch.where(round_, free, total).amax(-1)

    def angle(self, found: Tensor, wanted: Tensor, classes: Tensor) -> Tensor:
        """Return the angles [...] in rad to the nearest rotation that looks like `wanted`."""
        turned = wanted[..., None, :, :] @ self.rotations[classes]  # [...,S,3,3]
        axis = self.axes[classes][..., None, :]
        between = turned.transpose(-1, -2) @ found[..., None, :, :]
        twist = between - between.transpose(-1, -2)
        sine = (
            axis[..., 0] * twist[..., 2, 1]
            + axis[..., 1] * twist[..., 0, 2]
            + axis[..., 2] * twist[..., 1, 0]
        )
        along = (axis * (between @ axis[..., None]).squeeze(-1)).sum(-1)
        across = between.diagonal(dim1=-2, dim2=-1).sum(-1) - along
        round_ = axis.abs().sum(-1) > 0
        about = torch.where(round_, torch.atan2(sine, across), 0.0)
        turn = to_matrices(exp_map(axis * about[..., None]))
        return geodesic(turned @ turn, found[..., None, :, :].expand_as(turned)).amin(-1)
