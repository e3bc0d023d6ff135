"""What files of heads cannot be trusted to hold, whatever their format."""

from pathlib import Path

from ...geometry.before_camera_files import check_in_front
from ...geometry.rotations import are_rotations
from ..heads import Heads


def check_heads(heads: Heads, path: Path) -> None:
    """Raise `InputError`, which names the first head, for rotations that are none, heads that are
    not in front of the camera and scores outside 0..1."""
    check_in_front(
        heads,
        path,
        one="head",
        turned=are_rotations(heads.rotation),
        translation=heads.translation,
        expected="a rotation matrix",
    )
