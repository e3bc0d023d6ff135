"""Graphs that pictures and videos carry: ComfyUI and Kinograph write them into what they save.

A PNG has them as text chunks `prompt` (API format) and `workflow` (the editor's form), an mp4 or
webm as metadata of the same names, or as JSON with both in `comment`.
"""

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....engines.errors import GraphError

MEDIA = (".png", ".mp4", ".m4v", ".mov", ".webm", ".mkv")
MOST_TEXT = 64 * 2**20  # bytes of a graph in a picture

_PNG = b"\x89PNG\r\n\x1a\n"


def graph_in(path: Path) -> Any:
    """The decoded JSON of the graph in a file's metadata, the API format before the editor's form.

    Raises `GraphError` where the file is not what its name says, or carries none.
    """
    from ..model import decoded, is_too_deep

    texts = _png_texts(path) if path.suffix.lower() == ".png" else _container_texts(path)
    texts = {name.lower(): text for name, text in texts.items()}
    for name in ("prompt", "workflow"):
        if name in texts:
            return decoded(texts[name], f"{path}, {name} in its metadata")
    comment = _object(texts.get("comment", ""))
    for name in ("prompt", "workflow"):
        held = comment.get(name)
        if isinstance(held, str):
            return decoded(held, f"{path}, {name} in its comment")
        if isinstance(held, dict) and not is_too_deep(held):
            return held
    raise GraphError(
        f"{path}: carries no graph: expected prompt or workflow in its metadata, found "
        f"{', '.join(sorted(texts)) or 'none'}; files that went through another program lose it"
    )


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _png_texts(path: Path) -> Mapping[str, str]:
    """The text chunks of a PNG, before and after its pixels; those are not unpacked, as a small
    file may hold more of them than fit into memory."""
    texts: dict[str, str] = {}
    try:
        with path.open("rb") as file:
            if file.read(8) != _PNG:
                raise GraphError(f"{path}: is not a PNG, whatever its name says")
            while len(head := file.read(8)) == 8 and (kind := head[4:]) != b"IEND":
                length = int.from_bytes(head[:4], "big")
                if kind not in (b"tEXt", b"zTXt", b"iTXt"):
                    file.seek(length + 4, os.SEEK_CUR)  # 4 bytes of a checksum
                    continue
                if length > MOST_TEXT:
                    raise ValueError(f"a text of {length} bytes")
                name, text = _text_of(kind, file.read(length + 4)[:length])
                texts[name] = text
    except (OSError, ValueError, zlib.error) as error:
        raise GraphError(f"{path}: is a damaged PNG ({error})") from error
    return texts


def _text_of(kind: bytes, data: bytes) -> tuple[str, str]:
    """Name and text of a chunk. Raises `ValueError` or `zlib.error` for a damaged one.

    Layout: PNG specification, third edition, 11.3.3.
    """
    name, _, rest = data.partition(b"\0")
    packed = kind == b"zTXt"
    if packed:
        rest = rest[1:]  # the method: there is one only
    elif kind == b"iTXt":
        packed, rest = rest[:1] == b"\1", rest[2:]
        rest = rest.split(b"\0", 2)[-1]  # after a language and the name in it
    if packed:
        unpacking = zlib.decompressobj()
        rest = unpacking.decompress(rest, MOST_TEXT)
        if not unpacking.eof:
            raise ValueError(f"a text that is cut off, or longer than {MOST_TEXT} bytes")
    return name.decode("latin-1"), rest.decode("utf-8" if kind == b"iTXt" else "latin-1")


def _container_texts(path: Path) -> Mapping[str, str]:
    import av

    try:
        with av.open(str(path), metadata_errors="replace") as container:
            return dict(container.metadata)
    except (OSError, ValueError) as error:  # PyAV's errors are both
        raise GraphError(f"{path}: is not a video, or is damaged ({error})") from error
