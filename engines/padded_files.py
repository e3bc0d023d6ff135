"""Values with a number of places per frame as one safetensors file: every tensor as it is, nothing
rounded, nothing left out.

The metadata holds format, version, canvas ("464x832": height, width) and what the value has more.
"""

import json
import re
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from .errors import InputError
from .files import check_regular
from .padded import Padded

Kind = TypeVar("Kind", bound=Padded)

Parts = tuple[Mapping[str, Tensor], Mapping[str, str]]
"""Tensors [F,...] by name, and metadata besides format, version and canvas."""

Size = tuple[int, int]


@dataclass(frozen=True)
class PaddedFile(Generic[Kind]):
    """A format of files for one type of values.

    noun:    what they are, in the plural
    format:  what the metadata calls it
    version: the only one that is read
    tensors: their names, those of whole numbers apart
    whole:   names of tensors of whole numbers, one of them `count`
    take:    returns what a value is made of
    make:    makes a value of that, and of its canvas; raises `InputError` where it does not fit
    cat:     joins successive values, and raises `InputError` where they differ
    """

    noun: str
    format: str
    version: str
    tensors: Sequence[str]
    whole: Sequence[str]
    take: Callable[[Kind], Parts]
    make: Callable[[Mapping[str, Tensor], Mapping[str, str], Size], Kind]
    cat: Callable[[Sequence[Kind]], Kind]

    def write(self, value: Kind, path: Path) -> None:
        """Write the file."""
        path.write_bytes(self._content(value))

    def as_chunk(self, value: Kind) -> bytes:
        """Return a chunk for `join`: its length in 8 bytes, little-endian, then the file of it."""
        content = self._content(value)
        return struct.pack("<Q", len(content)) + content

    def join(self, chunks: Path, path: Path) -> None:
        """Write what `write` writes of successive chunks as one, with one of them in memory at a
        time.

        chunks: a file of what `as_chunk` returns, one after the other

        Raises `InputError` if there are none, or they differ in what all frames share.
        """
        with chunks.open("rb") as source:
            self.join_file(source, path)

    def join_file(self, source: BinaryIO, path: Path) -> None:
        """Do the same as `join`, of a file that is open for reading."""
        with path.open("wb") as file:
            frames, like = 0, None  # a frame of the most places and the widest types
            for chunk in self.chunks(source):
                frames += len(chunk)
                first = chunk.slice(0, 1)
                like = self.cat([first if like is None else like, first]).slice(0, 1)
            if like is None:
                raise InputError(f"{path}: there is nothing to save")
            head = _head_of(self._content(like))
            at = {}
            for name, entry in head.items():
                if name != "__metadata__":
                    entry["shape"][0] = frames
                    entry["data_offsets"] = [place * frames for place in entry["data_offsets"]]
                    at[name] = entry["data_offsets"][0]
            start = file.write(_as_bytes(head))
            for chunk in self.chunks(source):
                wide, _ = self.take(self.cat([like.slice(0, 0), chunk]))
                for name in at:
                    file.seek(start + at[name])
                    values = wide[name].contiguous().view(-1).view(torch.uint8)
                    at[name] += file.write(values.numpy().tobytes())

    def read(self, path: Path) -> Kind:
        """Read the value in a file onto the CPU.

        Raises `InputError` for a file that is damaged, is not one of ours, is of a newer version,
        or whose tensors do not fit together.
        """
        try:
            check_regular(path)
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise InputError(f"{path}: is no safetensors file, or is damaged ({error})") from error
        if metadata.get("format") != self.format:
            raise InputError(
                f"{path}: expected {self.noun} (metadata format {self.format}), found "
                f"{metadata.get('format')!r}"
            )
        if metadata.get("version") != self.version:
            raise InputError(
                f"{path}: expected version {self.version}, found {metadata.get('version')!r}; "
                "a newer Kinograph wrote it"
            )
        names = (*self.tensors, *self.whole)
        if set(tensors) != set(names):
            found = ", ".join(sorted(tensors))
            raise InputError(f"{path}: expected the tensors {', '.join(names)}, found {found}")
        size = re.fullmatch(r"(\d{1,9})x(\d{1,9})", metadata.get("canvas", ""))
        if size is None:
            raise InputError(
                f"{path}: expected a canvas such as 464x832, found {metadata.get('canvas')!r}"
            )
        for name in self.tensors:
            if not tensors[name].is_floating_point():
                raise InputError(
                    f"{path}: {name}: expected floating-point numbers, found {tensors[name].dtype}"
                )
        try:
            value = self.make(tensors, metadata, (int(size[1]), int(size[2])))
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        places = value.scores.shape[1]
        count = value.count
        if bool(((count < 0) | (count > places)).any()):
            raise InputError(f"{path}: count: expected 0..{places}, found {count.tolist()[:20]}")
        for name in self.tensors:
            values = tensors[name]
            if values.shape[:2] == value.scores.shape:
                values = values[value.present]
            if not bool(values.isfinite().all()):
                raise InputError(f"{path}: {name}: expected finite numbers, found NaN or infinity")
        return value

    def chunks(self, file: BinaryIO) -> Iterator[Kind]:
        """Return the values in a file of what `as_chunk` returns, one after the other."""
        file.seek(0)
        while size := file.read(8):
            content = file.read(*struct.unpack("<Q", size))
            about = _head_of(content)["__metadata__"]
            height, width = map(int, about["canvas"].split("x"))
            yield self.make(load(content), about, (height, width))

    def _content(self, value: Kind) -> bytes:
        """Return the bytes of the file."""
        here = value.to("cpu")
        tensors, about = self.take(here)
        content = save(
            {
                name: values.clone(memory_format=torch.contiguous_format)
                for name, values in tensors.items()
            },
            {
                "format": self.format,
                "version": self.version,
                "canvas": f"{here.canvas[0]}x{here.canvas[1]}",
                **about,
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
