"""Graphs embedded in pictures and videos, where ComfyUI and Kinograph write them on saving.

A PNG has them in text chunks named `prompt` (API format) and `workflow` (editor workflow), an mp4
or webm in metadata of the same names, or as JSON with both in `comment`. A WebP, JPEG or AVIF has
"prompt:" and "workflow:" before the JSON in texts of its EXIF data.
"""

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...engines.errors import GraphError
from .decoding import decode, is_too_deep

_EXIF_SUFFIXES = (".webp", ".jpg", ".jpeg", ".avif")
MEDIA_SUFFIXES = (".png", *_EXIF_SUFFIXES, ".mp4", ".m4v", ".mov", ".webm", ".mkv")
MAX_TEXT = 64 * 2**20  # bytes of a graph in a picture

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def embedded_graph(path: Path) -> Any:
    """Return the decoded JSON of the graph in a file's metadata; the API format is preferred.

    Raises `GraphError` for a file that is not what its suffix says, or that has no graph in it.
    """
    suffix = path.suffix.lower()
    if suffix == ".png":
        texts = _png_texts(path)
    else:
        texts = _exif_texts(path) if suffix in _EXIF_SUFFIXES else _container_texts(path)
    texts = {name.lower(): text for name, text in texts.items()}
    for name in ("prompt", "workflow"):
        if name in texts:
            return decode(texts[name], f"{path}, {name} in its metadata")
    comment = _json_object(texts.get("comment", ""))
    for name in ("prompt", "workflow"):
        value = comment.get(name)
        if isinstance(value, str):
            return decode(value, f"{path}, {name} in its comment")
        if isinstance(value, dict) and not is_too_deep(value):
            return value
    raise GraphError(
        f"{path}: carries no graph: expected prompt or workflow in its metadata, found "
        f"{', '.join(sorted(texts)) or 'none'}; most other programs drop it when they save a file"
    )


def _json_object(text: str) -> dict[str, Any]:
    """Return the object in a JSON text, or an empty one for anything else."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _png_texts(path: Path) -> Mapping[str, str]:
    """Return the text chunks of a PNG, before and after its pixels.

    The pixels are not decompressed, as those of a small file may not fit into memory.
    """
    texts: dict[str, str] = {}
    try:
        with path.open("rb") as file:
            if file.read(8) != _PNG_SIGNATURE:
                raise GraphError(f"{path}: is not a PNG file, despite its name")
            while len(head := file.read(8)) == 8 and (kind := head[4:]) != b"IEND":
                length = int.from_bytes(head[:4], "big")
                if kind not in (b"tEXt", b"zTXt", b"iTXt"):
                    file.seek(length + 4, os.SEEK_CUR)  # with the 4 bytes of the checksum
                    continue
                if length > MAX_TEXT:
                    raise ValueError(f"a text chunk of {length} bytes")
                name, text = _text_chunk(kind, file.read(length + 4)[:length])
                texts[name] = text
    except (OSError, ValueError, zlib.error) as error:
        raise GraphError(f"{path}: is a damaged PNG file ({error})") from error
    return texts


def _text_chunk(kind: bytes, data: bytes) -> tuple[str, str]:
    """Return keyword and text of a chunk. Raises `ValueError` or `zlib.error` for a damaged one.

    Layout: PNG specification, third edition, 11.3.3.
    """
    name, _, rest = data.partition(b"\0")
    compressed = kind == b"zTXt"
    if compressed:
        rest = rest[1:]  # the compression method: only one is defined
    elif kind == b"iTXt":
        compressed, rest = rest[:1] == b"\1", rest[2:]
        rest = rest.split(b"\0", 2)[-1]  # after the language tag and the translated keyword
    if compressed:
        decompressor = zlib.decompressobj()
        rest = decompressor.decompress(rest, MAX_TEXT)
        if not decompressor.eof:
            raise ValueError(f"a text chunk that is truncated, or longer than {MAX_TEXT} bytes")
    return name.decode("latin-1"), rest.decode("utf-8" if kind == b"iTXt" else "latin-1")


def _exif_texts(path: Path) -> Mapping[str, str]:
    """Return the texts "name:text" in the EXIF data of a picture, without decoding its pixels."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            values = [value for value in picture.getexif().values() if isinstance(value, str)]
    except UnidentifiedImageError as error:
        raise GraphError(f"{path}: is not a picture, despite its name") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise GraphError(f"{path}: is a damaged picture ({error})") from error
    pairs = [value.rstrip("\0").partition(":") for value in values]
    return {name: text for name, colon, text in pairs if colon and name.isidentifier()}


def _container_texts(path: Path) -> Mapping[str, str]:
    import av

    try:
        with av.open(str(path), metadata_errors="replace") as container:
            return dict(container.metadata)
    except (OSError, ValueError) as error:  # PyAV's errors are both
        raise GraphError(f"{path}: is not a video, or is damaged ({error})") from error
