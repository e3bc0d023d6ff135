"""KITTI's flow PNG: 16 bits, u and v in steps of 1/64 px, and which pixels are valid.

Red is u * 64 + 2**15, green v * 64 + 2**15, blue 1 where the flow is valid (readme.txt and
io_flow.h of the development kit, cvlibs.net/datasets/kitti). v points down. What is written is
rounded to the nearest step, so it is off by 1/128 px at most. The kit moves longer flows to the
ends of the range (-512 to 511.98 px) silently; here they are an error.
"""

import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...memory import shortage
from .values import check_pair, content, known

STEPS = 64
"""Steps of a stored value per pixel of flow."""
_ZERO = 2**15
_BYTES = 30  # per pixel: as decoded, as int32, and as flow
_MAGIC = b"\x89PNG\r\n\x1a\n"
_KINDS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey and alpha", 6: "RGB and alpha"}


def kitti_bytes(flow: Tensor, valid: Tensor | None = None) -> bytes:
    """Return the file of a flow [2,H,W] px and where it is `valid`, [H,W] bool; None: everywhere.

    Raises `InputError` for another shape, and for valid flow that is NaN or not in -512..511.98.
    """
    import cv2

    check_pair(flow)
    flow = flow.detach().to("cpu", torch.float32)
    valid = torch.ones(flow.shape[1:], dtype=torch.bool) if valid is None else valid.detach().cpu()
    if valid.shape != flow.shape[1:] or valid.dtype != torch.bool:
        raise InputError(
            f"valid: expected {list(flow.shape[1:])} bool, found {list(valid.shape)} {valid.dtype}"
        )
    here = torch.where(valid, flow, 0)
    if not bool(known(here).all()):
        raise InputError("flow: expected numbers, found NaN or infinity; mark them as not valid")
    steps = (here * STEPS).round()
    low, high = (int(value) for value in steps.aminmax())
    if low < -_ZERO or high >= _ZERO:
        longest = max(-low, high) / STEPS
        raise InputError(
            f"flow: expected -512 to 511.98 px, which is what KITTI's PNG holds, found "
            f"{longest:.2f} px; choose npz, flo or exr"
        )
    pixels = torch.cat([valid[None].int(), (steps.int() + _ZERO).flip(0) * valid])  # BGR
    values = pixels.movedim(0, -1).numpy().astype(np.uint16)
    written, data = cv2.imencode(".png", values)
    assert written  # a PNG of 16 bits can hold any such array
    return data.tobytes()


def read_kitti(path: Path) -> tuple[Tensor, Tensor]:
    """Read the flow [2,H,W] px, 0 where it is not valid, and where it is valid, [H,W] bool.

    Raises `InputError` for a file that is missing, damaged, or no PNG of 16 bits and 3 channels.
    """
    import cv2

    data = content(path)
    width, height = _check_png(path, data)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise InputError(f"{path}: is a damaged PNG ({error})") from error
    if pixels is None or pixels.shape != (height, width, 3) or pixels.dtype != np.uint16:
        raise InputError(f"{path}: is a damaged PNG; write or download it again")
    values = torch.from_numpy(pixels.astype(np.int32)).movedim(-1, 0)  # B, G, R
    valid = values[0] > 0
    flow = (values[1:].flip(0) - _ZERO).float() / STEPS
    return torch.where(valid, flow, 0), valid


def _check_png(path: Path, data: bytes) -> tuple[int, int]:
    """Return width and height of a PNG with flow in it, after checking that every chunk is
    complete.

    Decoders complain to the terminal, or fill up what is missing.
    """
    if not data.startswith(_MAGIC):
        raise InputError(f"{path}: expected a PNG file, found {data[:8]!r}")
    at, last, head = len(_MAGIC), b"", b""
    while last != b"IEND":
        size, last = struct.unpack(">I4s", data[at : at + 8].ljust(8, b"\0"))
        chunk, crc = data[at + 4 : at + 8 + size], data[at + 8 + size : at + 12 + size]
        if len(crc) < 4 or struct.unpack(">I", crc)[0] != zlib.crc32(chunk):
            raise InputError(
                f"{path}: is cut off or damaged at byte {at}; write or download it again"
            )
        head = head or chunk
        at += 12 + size
    if head[:4] != b"IHDR" or len(head) != 17:
        raise InputError(f"{path}: is a damaged PNG; write or download it again")
    width, height, bits, kind = struct.unpack_from(">IIBB", head, 4)
    if (bits, kind) != (16, 2):
        raise InputError(
            f"{path}: expected KITTI's flow, a PNG of 16 bits and RGB, found {bits} bits and "
            f"{_KINDS.get(kind, kind)}; a picture of a flow cannot be turned back into one"
        )
    if lacking := shortage(width * height * _BYTES):
        raise InputError(f"{path}: {width}x{height} pixels need {lacking}; write a smaller flow")
    return width, height
