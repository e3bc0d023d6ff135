"""Skeletons at rest, of one shape."""

from torch import Tensor

from ..kinematics import shaped
from ..rig import Rig


def rest_of(rig: Rig, shape: Tensor) -> tuple[Tensor, Tensor]:
    """Return where joints [J,3] and the ends of their bones [J,3] lie in a shape [S], in m."""
    given = shape[None].to(rig.rest)
    rest = shaped(rig.rest, rig.shape_rest, given, 1)[0]
    return rest, shaped(rig.tails, rig.shape_tails, given, 1)[0]
