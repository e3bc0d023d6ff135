"""Estimate camera motion: how the still parts of the scene move in the picture."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from ..sequence import state_type
from .choices import CAMERAS
from .speeds import Block, fastest

_POINTS = 4096  # of each picture that the fit samples
_ROUNDS = 12
_SPREAD = 1.4826  # standard deviations in a median of absolute deviations, for normal noise
_FINEST = 0.05  # px; smaller residuals cannot be told from noise
_RIDGE = 1e-6  # of the weights: sets undetermined slopes, as in pictures of one row, to zero


@state_type()
@dataclass(frozen=True)
class CameraMotion:
    """Motion that changes linearly over the picture, one for each of N pairs of frames.

    matrix: [N,2,3]: u, v px = matrix (1, x, y), with x, y px from the picture's centre
    """

    matrix: Tensor

    @property
    def shift(self) -> Tensor:
        """[N,2] px: how the picture's centre moves; a camera that pans right moves it left."""
        return self.matrix[:, :, 0]

    @property
    def zoom(self) -> Tensor:
        """[N] how many times larger things become."""
        area: Tensor = torch.linalg.det(self._linear)
        return area.clamp(min=0).sqrt()

    @property
    def rotation(self) -> Tensor:
        """[N] degrees, clockwise on the screen: of the rotation nearest to the motion."""
        (a, b), (c, d) = (row.unbind(1) for row in self._linear.unbind(1))
        return torch.atan2(c - b, a + d) * (180 / math.pi)

    @property
    def _linear(self) -> Tensor:
        """[N,2,2]: the linear map of places, without the shift."""
        return self.matrix[:, :, 1:] + torch.eye(2, device=self.matrix.device)

    def reversed(self) -> "CameraMotion":
        """Return the motion in the opposite direction.

        One that cannot be inverted, as everything becomes a line or a point, is negated instead.
        """
        linear = self._linear.double()
        exists = (torch.linalg.det(linear).abs() > 1e-6)[:, None, None]
        back, _ = torch.linalg.inv_ex(linear)
        eye = torch.eye(2, device=linear.device)
        undone = torch.cat([-back @ self.matrix[:, :, :1].double(), back - eye], 2)
        return CameraMotion(torch.where(exists, undone.float(), -self.matrix))

    def field(self, size: tuple[int, int], block: Block) -> Tensor:
        """Return [n,2,h,W] px, the motion in the frames and rows of `block`."""
        at, rows = block
        y, x = (torch.arange(side, device=self.matrix.device) - (side - 1) / 2 for side in size)
        shift, across, down = self.matrix[at, :, :, None, None].unbind(2)
        return (shift + across * x) + down * y[rows, None]


def camera_motion(flow: Tensor, camera: str = "affine") -> CameraMotion:
    """Fit the camera's part of the flows [N,2,H,W] px.

    camera: translation: the median motion. affine: shift, zoom, rotation and shear that most of the
            picture moves by, fitted to every few pixels by iteratively reweighted least squares
            (Geman and McClure's weights), so that moving objects hardly count. keep: none.

    The fit is right if moving objects fill less than about half of the picture. Raises `InputError`
    for an unknown name and for flow that is not finite.
    """
    if camera not in CAMERAS:
        raise InputError(f"camera: expected one of {', '.join(CAMERAS)}, found {camera!r}")
    fastest(flow)
    matrix = torch.zeros(len(flow), 2, 3, device=flow.device, dtype=torch.float64)
    if camera == "keep" or not len(flow):
        return CameraMotion(matrix.float())
    points, motion = samples(flow)
    matrix[:, :, 0] = motion.median(2).values
    if camera == "translation":
        return CameraMotion(matrix.float())
    # Places as parts of the half diagonal keep the sums of the fit in one order of magnitude.
    unit = math.hypot(*flow.shape[2:]) / 2
    basis = torch.cat([torch.ones_like(points[:1]), points / unit])  # [3,S]
    products = (basis[:, None] * basis[None]).flatten(0, 1)  # [9,S]
    for _ in range(_ROUNDS):
        rest = motion - matrix @ basis
        matrix = _fit(weights(torch.hypot(rest[:, 0], rest[:, 1])), products, basis, motion)
    matrix[:, :, 1:] /= unit
    return CameraMotion(matrix.float())


def samples(flow: Tensor, most: int = _POINTS) -> tuple[Tensor, Tensor]:
    """Return places [2,S] x, y px from the picture's centre, about `most`, and the motion [N,2,S]
    there."""
    height, width = flow.shape[2:]
    step = max(1, math.ceil(math.sqrt(height * width / most)))
    starts = [min(step // 2, side - 1) for side in (height, width)]
    # fp64: sums of squares in fp32, or TF32 where that is switched on, would show in the result.
    motion = flow[:, :, starts[0] :: step, starts[1] :: step].flatten(2).double()
    y, x = (
        torch.arange(start, side, step, device=flow.device).double() - (side - 1) / 2
        for start, side in zip(starts, (height, width), strict=True)
    )
    return torch.stack(torch.meshgrid(x, y, indexing="xy")).flatten(1), motion


def weights(residuals: Tensor) -> Tensor:
    """Return weights 0..1 for residuals [N,S] px, falling with the fourth power beyond the
    noise."""
    noise = residuals.median(1, keepdim=True).values.mul_(_SPREAD).clamp_(min=_FINEST)
    return (1 + (residuals / noise).square()).square().reciprocal()


def _fit(weight: Tensor, products: Tensor, basis: Tensor, motion: Tensor) -> Tensor:
    """Return the least-squares matrices [N,2,3] that lead from `basis` [3,S] to `motion`
    [N,2,S]."""
    squares = (weight @ products.T).view(-1, 3, 3)
    ridge = weight.new_tensor([0.0, _RIDGE, _RIDGE]).diag()
    squares = squares + weight.sum(1)[:, None, None] * ridge
    sums = (weight[:, None] * motion) @ basis.T  # [N,2,3]
    one, two, three = squares.unbind(1)
    rows = [torch.linalg.cross(*pair) for pair in ((two, three), (three, one), (one, two))]
    adjugate = torch.stack(rows, 1)  # symmetric, as its matrix is
    determinant = (one * rows[0]).sum(1)[:, None, None]
    matrices: Tensor = sums @ adjugate / determinant
    return matrices
