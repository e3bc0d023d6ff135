"""Read SMPL (Loper et al., SIGGRAPH Asia 2015) from a user's own file as a `Rig`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError, ModelError
from ...files import open_regular
from ...npz import read_arrays
from ..rig import Rig
from .inert import as_array
from .unpickle import LARGEST, unpickle

JOINTS = (
    *("pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2"),
    *("left_ankle", "right_ankle", "spine3", "left_foot", "right_foot", "neck"),
    *("left_collar", "right_collar", "head", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand"),
)
"""The joints of SMPL; its axes are those of `Rig`."""

PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)

# The arrays of a file: how many dimensions they have, and which kinds of numbers.
_SIDES = {
    "v_template": (2, "fiu"),
    "shapedirs": (3, "fiu"),
    "posedirs": (3, "fiu"),
    "J_regressor": (2, "fiu"),
    "weights": (2, "fiu"),
    "f": (2, "iu"),
    "kintree_table": (2, "iu"),
}
_OTHERS = {52: "SMPL-H", 55: "SMPL-X", 16: "MANO", 5: "FLAME", 33: "SMAL", 35: "SMAL"}  # by joints
_ARCHIVE = b"PK\x03\x04"  # how .npz files begin
_LEAF = 0.1  # m, of the bone of a joint without children, in the direction of the bone before


def read_smpl(path: Path, *, dtype: torch.dtype = torch.float32) -> Rig:
    """Return the SMPL model in a .npz file or a pickle, on the CPU; nothing is executed.

    The shapes are called beta_0, beta_1 and so on. Raises `ModelError` for a file that is missing
    or damaged, a pickle that asks for more than arrays, and another model than SMPL.
    """
    arrays = _arrays(path)
    if missing := [name for name in _SIDES if name not in arrays]:
        raise ModelError(
            f"{path}: expected an SMPL model with {', '.join(_SIDES)}; {', '.join(missing)} missing"
        )
    for name, found in arrays.items():
        sides, kinds = _SIDES[name]
        if found.ndim != sides or found.dtype.kind not in kinds:
            what = "whole numbers" if kinds == "iu" else "numbers"
            raise ModelError(
                f"{path}: {name}: expected {what} in {sides} dimensions, found {found.dtype} "
                f"{list(found.shape)}"
            )
    _check_is_smpl(path, arrays["kintree_table"], arrays["posedirs"])
    vertices, shapes = len(arrays["v_template"]), arrays["shapedirs"].shape[-1]
    expected = {
        "v_template": (vertices, 3),
        "shapedirs": (vertices, 3, shapes),
        "posedirs": (vertices, 3, 9 * (len(JOINTS) - 1)),
        "J_regressor": (len(JOINTS), vertices),
        "weights": (vertices, len(JOINTS)),
        "f": (len(arrays["f"]), 3),
    }
    for name, shape in expected.items():
        found = arrays[name]
        if found.shape != shape:
            raise ModelError(f"{path}: {name}: expected {list(shape)}, found {list(found.shape)}")
        if not np.isfinite(found).all():
            raise ModelError(f"{path}: {name}: expected finite numbers, found NaN or infinity")
    triangles = arrays["f"].astype(np.int64)
    if len(triangles) and not 0 <= triangles.min() <= triangles.max() < vertices:
        raise ModelError(f"{path}: f: expected vertices 0..{vertices - 1}, found others")
    given = {
        name: torch.from_numpy(np.array(arrays[name], np.float64, order="C")) for name in expected
    }
    return _rig(path, given, torch.from_numpy(triangles), dtype)


def _begins_with(path: Path, magic: bytes) -> bool:
    try:
        with open_regular(path) as file:
            return file.read(len(magic)) == magic
    except OSError:  # whoever reads it says why
        return False


def _arrays(path: Path) -> dict[str, Any]:
    if path.suffix.lower() == ".npz" or _begins_with(path, _ARCHIVE):
        try:
            return read_arrays(path, most_bytes=LARGEST, names=_SIDES)
        except InputError as error:
            raise ModelError(str(error)) from error
    made = unpickle(path)
    arrays = {}
    for name in _SIDES:
        if name in made:
            try:
                arrays[name] = as_array(made[name])
            except (ValueError, TypeError) as error:
                raise ModelError(f"{path}: {name}: {error}") from error
    return arrays


def _check_is_smpl(path: Path, tree: Any, posedirs: Any) -> None:
    if len(tree) != 2:
        raise ModelError(f"{path}: kintree_table: expected [2,24], found {list(tree.shape)}")
    above, numbers = tree.astype(np.int64).tolist()
    if len(above) != len(JOINTS):
        other = _OTHERS.get(len(above))
        what = f"{len(above)} joints" + (f", as {other} has" if other else "")
        raise ModelError(f"{path}: expected SMPL with {len(JOINTS)} joints, found {what}")
    # The root's parent is -1, stored as an unsigned number by some.
    if (-1, *above[1:]) != PARENTS or numbers != list(range(len(JOINTS))):
        raise ModelError(
            f"{path}: kintree_table: expected the parents of SMPL's joints, found {above}"
        )
    if posedirs.shape[-1] in (4 * (len(JOINTS) - 1), 4 * (len(JOINTS) - 1) + 1):
        raise ModelError(f"{path}: expected SMPL, found STAR, which corrects poses in another way")


def _rig(path: Path, given: Mapping[str, Tensor], triangles: Tensor, dtype: torch.dtype) -> Rig:
    weights = given["weights"]
    off = (weights.sum(1) - 1).abs().max() if len(weights) else weights.new_zeros(())
    if float(off) > 1e-3 or bool((weights < 0).any()):
        raise ModelError(f"{path}: weights: expected 0..1, 1 together at each vertex, found others")
    most = max(1, int((weights > 0).sum(1).max()))
    strongest = weights.topk(most, dim=1)
    shape_template = given["shapedirs"].movedim(2, 0)  # [S,V,3]
    regressor = given["J_regressor"]
    rest, shape_rest = regressor @ given["v_template"], regressor @ shape_template
    parents = torch.tensor(PARENTS)
    return Rig(
        name="smpl",
        joints=JOINTS,
        parents=parents,
        rest=rest.to(dtype),
        tails=_tails(rest, parents).to(dtype),
        template=given["v_template"].to(dtype),
        triangles=triangles,
        skin_index=strongest.indices,
        skin_weight=strongest.values.to(dtype),
        shapes=tuple(f"beta_{number}" for number in range(len(shape_template))),
        shape_template=shape_template.to(dtype).contiguous(),
        shape_rest=shape_rest.to(dtype),
        shape_tails=_tails(rest + shape_rest, parents).to(dtype) - _tails(rest, parents).to(dtype),
        pose_template=given["posedirs"].movedim(2, 0).to(dtype).contiguous(),
    )


def _tails(rest: Tensor, parents: Tensor) -> Tensor:
    """Return where bones [...,J,3] end: at the mean of the children; beyond a joint without any."""
    joints = len(parents)
    children = (parents[None] == torch.arange(joints)[:, None]).to(rest.dtype)  # [J,J]
    number = children.sum(1, keepdim=True)
    mean = children @ rest / number.clamp(min=1)
    way = rest - rest[..., parents.clamp(min=0), :]
    beyond = rest + _LEAF * torch.nn.functional.normalize(way, dim=-1)
    return torch.where(number > 0, mean, beyond)
