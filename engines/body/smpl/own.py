"""The SMPL model that a user has connected to a network."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from ...errors import InputError, ModelError
from ...files import sha256_of
from ...models.model import Model
from ...models.registry import own_path
from ..family import BodyRegressor, body_head
from ..rig import SMPL, Rig, keep_rig, mannequin
from .read import read_smpl

ASSET = "smpl"
"""What the file is called among the files of a model. Engines do not depend on it."""

SUFFIXES = (".npz", ".pkl")
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


def with_smpl(model: Model, file: str, folder: Path) -> Model:
    """Return a model whose bodies are those of the SMPL model in a file of the models folder.

    Raises `InputError` for a network that does not give the pose of SMPL, and `ModelError` for a
    path that leaves the folder and as `read_smpl` does.
    """
    if not isinstance(body_head(model), BodyRegressor):
        raise InputError(
            f"smpl: {model.entry.family} poses the included mannequin and takes no SMPL model; "
            "leave smpl empty"
        )
    name = own_path(file, "smpl")
    if name.suffix.lower() not in SUFFIXES:
        raise ModelError(f"smpl: SMPL comes as {' or '.join(SUFFIXES)}, found {file!r}")
    path = folder / name
    if not path.is_file():
        raise ModelError(f"smpl: there is no {path}; put the file there")
    smpl_rig(path)
    return replace(model, paths={**model.paths, ASSET: path})


def rig_of(model: Model) -> Rig:
    """Return the rig of the bodies of a network that gives SMPL's poses: the user's SMPL model, or
    without one the mannequin."""
    path = model.paths.get(ASSET)
    return mannequin() if path is None else smpl_rig(path)
