"""VACE tensors as a safetensors file that is written frame by frame.

The file holds one channel after the other, while frames arrive with all channels: each channel
grows in a separate file, and these are joined at the end.
"""

import json
import shutil
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from .control import VaceControl

CHANNELS = ("video0", "video1", "video2", "mask")
"""What a frame is cut into: red, green, blue and the mask, [H,W] float32 each."""


def channel_bytes(control: VaceControl) -> dict[str, bytes]:
    """Return the bytes that the frames of a chunk add to each of `CHANNELS`."""
    planes = (*control.video[0], control.mask[0, 0])
    return {name: _bytes(plane) for name, plane in zip(CHANNELS, planes, strict=True)}


def put_together(
    path: Path,
    channels: Mapping[str, Path],
    shape: tuple[int, int, int],
    references: Tensor | None,
) -> None:
    """Write what safetensors' `save_file` writes of video [1,3,F,H,W], mask [1,1,F,H,W] and
    references [1,3,R,H,W], straight to `path`.

    channels: the file of each of `CHANNELS`
    shape:    frames, height and width
    """
    parts: dict[str, tuple[Sequence[int], list[Path | bytes]]] = {
        "mask": ((1, 1, *shape), [channels["mask"]])
    }
    if references is not None:
        parts["references"] = (references.shape, [_bytes(references)])
    parts["video"] = ((1, 3, *shape), [channels[name] for name in CHANNELS[:3]])
    with path.open("wb") as file:
        file.write(_head({name: part[0] for name, part in parts.items()}))
        for _, contents in parts.values():
            for content in contents:
                if isinstance(content, bytes):
                    file.write(content)
                else:
                    with content.open("rb") as channel:
                        shutil.copyfileobj(channel, file, 1 << 20)


def _head(shapes: Mapping[str, Sequence[int]]) -> bytes:
    """Return the length of the JSON in 8 bytes, little-endian, then the JSON, padded with spaces to
    a multiple of 8 (github.com/huggingface/safetensors, README, Format)."""
    at = 0
    entries = {}
    for name, shape in shapes.items():
        size = 4
        for side in shape:
            size *= side
        entries[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _bytes(values: Tensor) -> bytes:
    data: bytes = values.detach().cpu().float().contiguous().numpy().tobytes()
    return data
