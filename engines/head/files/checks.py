"""What files of heads cannot be trusted to hold, whatever their format."""

from pathlib import Path

from ...errors import InputError
from ...geometry.rotations import are_rotations
from ..heads import Heads


def check_heads(heads: Heads, path: Path) -> None:
    """Raise `InputError`, which names the first head, for rotations that are none, heads that are
    not in front of the camera and scores outside 0..1."""
    turned = ~are_rotations(heads.rotation)
    scores = (heads.scores < 0) | (heads.scores > 1)
    for wrong, expected in (
        (turned, "rotation: expected a rotation matrix, found another"),
        (heads.translation[..., 2] >= 0, "translation: expected z < 0, in front of the camera"),
        (scores, "score: expected 0..1"),
    ):
        at = (wrong & heads.present).nonzero()
        if len(at):
            frame, head = at[0].tolist()
            raise InputError(f"{path}: frame {frame}, head {head}: {expected}")
