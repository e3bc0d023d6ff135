"""The SMPL model that a user has connected to a network."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from ...files import sha256_of
from ...models.model import Model
from ..rig import SMPL, Rig, keep_rig, mannequin
from .read import read_smpl

ASSET = "smpl"
"""What the file is called among the files of a model. Engines do not depend on it."""

_DIGITS = 12


def smpl_rig(path: Path) -> Rig:
    """Return the SMPL model in a file as a rig that `rig_named` finds from then on.

    It is called smpl- and the first digits of the file's SHA-256. Raises `ModelError` as
    `read_smpl` does.
    """
    try:
        stat = path.stat()
        key = (stat.st_size, stat.st_mtime_ns)
    except (OSError, ValueError):  # whoever reads it says why
        key = (0, 0)
    return keep_rig(_read(path, *key))


@lru_cache(4)
def _read(path: Path, size: int, modified: int) -> Rig:
    rig = read_smpl(path)
    return replace(rig, name=f"{SMPL}-{sha256_of(path)[:_DIGITS]}")


def rig_of(model: Model) -> Rig:
    """Return the rig of the bodies of a network that gives SMPL's poses: the user's SMPL model, or
    without one the mannequin."""
    path = model.paths.get(ASSET)
    return mannequin() if path is None else smpl_rig(path)
