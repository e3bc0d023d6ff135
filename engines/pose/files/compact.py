"""Poses as one safetensors file: every tensor as it is, nothing rounded, nothing left out.

The tensors have the names of the fields of `Poses`; the metadata holds format, version, canvas
("464x832": height, width) and skeleton.
"""

import json
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save

from ...errors import InputError
from ...files import check_regular
from ..poses import Poses

FORMAT, VERSION = "kinograph.poses", "1"
_TENSORS = ("keypoints", "confidence", "boxes", "scores", "track_ids", "count")


def write(poses: Poses, path: Path) -> None:
    """Write the file."""
    path.write_bytes(_content(poses))


def as_chunk(poses: Poses) -> bytes:
    """Return a chunk for `join`: its length in 8 bytes, little-endian, then the file of it."""
    content = _content(poses)
    return struct.pack("<Q", len(content)) + content


def join(chunks: Path, path: Path) -> None:
    """Write what `write` writes of successive chunks as one, with one of them in memory at a time.

    chunks: a file of what `as_chunk` returns, one after the other

    Raises `InputError` if there are none, or they differ in canvas or skeleton.
    """
    with chunks.open("rb") as source, path.open("wb") as file:
        frames, like = 0, None  # a frame of the most places and the widest types
        for chunk in _chunks(source):
            frames += len(chunk)
            first = chunk.slice(0, 1)
            like = Poses.cat([first if like is None else like, first]).slice(0, 1)
        if like is None:
            raise InputError(f"{path}: there is nothing to save")
        head = _head_of(_content(like))
        at = {}
        for name, entry in head.items():
            if name != "__metadata__":
                entry["shape"][0] = frames
                entry["data_offsets"] = [place * frames for place in entry["data_offsets"]]
                at[name] = entry["data_offsets"][0]
        start = file.write(_as_bytes(head))
        for chunk in _chunks(source):
            wide = Poses.cat([like.slice(0, 0), chunk])
            for name in at:
                file.seek(start + at[name])
                values = getattr(wide, name).contiguous().view(-1).view(torch.uint8)
                at[name] += file.write(values.numpy().tobytes())


def _chunks(file: BinaryIO) -> Iterator[Poses]:
    file.seek(0)
    while size := file.read(8):
        content = file.read(*struct.unpack("<Q", size))
        about = _head_of(content)["__metadata__"]
        height, width = map(int, about["canvas"].split("x"))
        yield Poses(**load(content), canvas=(height, width), skeleton=about["skeleton"])


def _content(poses: Poses) -> bytes:
    """Return the bytes of the file."""
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
    head = _head_of(content)
    # otherwise the order changes from run to run
    head["__metadata__"] = dict(sorted(head["__metadata__"].items()))
    start = _as_bytes(head)
    return start + content[len(start) :]


def _head_of(content: bytes) -> dict[str, Any]:
    """Return what the file says of its tensors, in their order, and its metadata."""
    (size,) = struct.unpack("<Q", content[:8])
    head: dict[str, Any] = json.loads(content[8 : 8 + size])
    return head


def _as_bytes(head: Mapping[str, Any]) -> bytes:
    """Return the length of the JSON in 8 bytes, little-endian, then the JSON, padded with spaces to
    a multiple of 8 (github.com/huggingface/safetensors, README, Format)."""
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def read(path: Path) -> Poses:
    """Read the poses in a file onto the CPU.

    Raises `InputError` for a file that is damaged, is not one of ours, is of a newer version, or
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
