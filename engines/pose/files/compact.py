"""Poses as one safetensors file: every tensor as it is, nothing rounded, nothing left out.

The tensors have the names of the fields of `Poses`; the metadata holds format, version, canvas
("464x832": height, width) and skeleton.
"""

import json
import re
import struct
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ...errors import InputError
from ...files import check_regular
from ..poses import Poses

FORMAT, VERSION = "kinograph.poses", "1"
_TENSORS = ("keypoints", "confidence", "boxes", "scores", "track_ids", "count")


def write(poses: Poses, path: Path) -> None:
    """Write the file."""
    here = poses.to("cpu")
    content = save(
        {
            name: getattr(here, name).clone(memory_format=torch.contiguous_format)
            for name in _TENSORS
        },
        {
            "format": FORMAT,
            "version": VERSION,
            "canvas": f"{here.canvas[0]}x{here.canvas[1]}",
            "skeleton": here.skeleton,
        },
    )
    path.write_bytes(_in_order(content))


def _in_order(content: bytes) -> bytes:
    """Return the same file with its metadata in alphabetical order, which otherwise changes from
    run to run."""
    (size,) = struct.unpack("<Q", content[:8])
    head = json.loads(content[8 : 8 + size])
    head["__metadata__"] = dict(sorted(head["__metadata__"].items()))
    text = json.dumps(head, separators=(",", ":")).encode().ljust(size)
    return content[:8] + text + content[8 + size :]


def read(path: Path) -> Poses:
    """Read the poses in a file onto the CPU.

    Raises `InputError` for a file that is damaged, is none of ours, is of a newer version, or
    whose tensors do not fit together.
    """
    try:
        check_regular(path)
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: is no safetensors file, or is damaged ({error})") from error
    if metadata.get("format") != FORMAT:
        raise InputError(
            f"{path}: expected poses (metadata format {FORMAT}), found {metadata.get('format')!r}"
        )
    if metadata.get("version") != VERSION:
        raise InputError(
            f"{path}: expected version {VERSION}, found {metadata.get('version')!r}; "
            "a newer Kinograph wrote it"
        )
    if set(tensors) != set(_TENSORS):
        found = ", ".join(sorted(tensors))
        raise InputError(f"{path}: expected the tensors {', '.join(_TENSORS)}, found {found}")
    size = re.fullmatch(r"(\d{1,9})x(\d{1,9})", metadata.get("canvas", ""))
    if size is None:
        raise InputError(
            f"{path}: expected a canvas such as 464x832, found {metadata.get('canvas')!r}"
        )
    for name in _TENSORS[:4]:
        if not tensors[name].is_floating_point():
            raise InputError(
                f"{path}: {name}: expected floating-point numbers, found {tensors[name].dtype}"
            )
    try:
        poses = Poses(
            **tensors,
            canvas=(int(size[1]), int(size[2])),
            skeleton=metadata.get("skeleton", ""),
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    places = poses.scores.shape[1]
    if bool(((poses.count < 0) | (poses.count > places)).any()):
        raise InputError(f"{path}: count: expected 0..{places}, found {poses.count.tolist()[:20]}")
    for name in _TENSORS[:4]:
        values: torch.Tensor = tensors[name]
        if not bool(values[poses.present].isfinite().all()):
            raise InputError(f"{path}: {name}: expected finite numbers, found NaN or infinity")
    return poses
