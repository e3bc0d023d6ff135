"""What files of heads cannot be trusted to hold, whatever their format."""

from pathlib import Path

import torch

from ...errors import InputError
from ..heads import Heads

_STRAIGHT = 1e-2  # by which the columns of a rotation may be off: turned by half a degree


def check_heads(heads: Heads, path: Path) -> None:
    """Raise `InputError`, which names the first head, for rotations that are none, heads that are
    not in front of the camera and scores outside 0..1."""
    turns = heads.rotation.double()
    off = (turns.mT @ turns - torch.eye(3, dtype=turns.dtype)).abs().amax((-2, -1))
    turned = (off > _STRAIGHT) | (torch.linalg.det(turns) < 0)
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
