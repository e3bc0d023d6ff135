"""Flow as OpenEXR: a file per pair, float32, exact, ZIP-compressed; needs the package OpenEXR.

Files have the layers that Nuke uses for motion vectors, forward.u and forward.v, backward.u and
backward.v or all four, in pixels. In Nuke, v points UP (its pictures begin at the bottom), so v is
written with its sign flipped, and flipped back when it is read from these layers. Two channels of
other names (u v, x y, X Y, R G) are taken as they are: v points down, as everywhere here.

The forward flow of pair i belongs to frame i, as in Nuke, and the backward flow to frame i + 1: to
use both in Nuke, shift the backward flow by one frame.
"""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError, MediaError
from .values import check_pair, head

_MAGIC = b"\x76\x2f\x31\x01"
_PLAIN = (("u", "v"), ("x", "y"), ("X", "Y"), ("R", "G"))


def save_exr(path: Path, forward: Tensor | None = None, backward: Tensor | None = None) -> None:
    """Write one pair's flows, each [2,H,W] px, straight to `path`.

    Raises `InputError` for other shapes or without the package, `MediaError` for a path that
    cannot be written.
    """
    package = openexr()
    given = {"forward": forward, "backward": backward}
    flows = {layer: flow for layer, flow in given.items() if flow is not None}
    if not flows:
        raise InputError("flow: expected forward, backward or both, found neither")
    channels: dict[str, Any] = {}
    for layer, flow in flows.items():
        check_pair(flow)
        u, v = flow.detach().to("cpu", torch.float32)
        channels[f"{layer}.u"] = np.ascontiguousarray(u.numpy())
        channels[f"{layer}.v"] = (-v).contiguous().numpy()
    if len({channel.shape for channel in channels.values()}) > 1:
        found = " and ".join(str(list(flow.shape)) for flow in flows.values())
        raise InputError(f"flow: expected forward and backward of one size, found {found}")
    header = {
        "compression": package.ZIP_COMPRESSION,
        "type": package.scanlineimage,
        "comments": "motion vectors in pixels, v up, as in Nuke; written by Kinograph",
    }
    try:
        package.File(header, channels).write(str(path))
    except RuntimeError as error:
        raise MediaError(f"{path}: cannot be written ({error})") from error


def read_exr(path: Path) -> dict[str, Tensor]:
    """Read the flows [2,H,W] px of a file, by direction; two plain channels are a forward flow.

    Raises `InputError` for a file that is missing, damaged, has no such channels, or has pixels
    for a part of the picture only; and without the package.
    """
    package = openexr()
    if head(path)[:4] != _MAGIC:
        raise InputError(f"{path}: expected an EXR file, found {head(path)[:4]!r}")
    try:
        parts = package.File(str(path), separate_channels=True).parts
    except (RuntimeError, ValueError, MemoryError) as error:
        raise InputError(f"{path}: is cut off or damaged ({error})") from error
    if not parts:  # those that cannot be decoded are left out
        raise InputError(f"{path}: is cut off or damaged; write it again")
    channels = _channels(parts)
    pairs = {d: (f"{d}.u", f"{d}.v") for d in ("forward", "backward")}
    found = {d: names for d, names in pairs.items() if channels.keys() >= set(names)}
    if found:
        return {d: _flow(path, channels, names, up=True) for d, names in found.items()}
    for names in _PLAIN:
        if channels.keys() >= set(names):
            return {"forward": _flow(path, channels, names, up=False)}
    plain = ", ".join(" and ".join(names) for names in _PLAIN)
    there = sorted({name for part in parts for name in part.channels})
    raise InputError(
        f"{path}: expected the channels forward.u and forward.v, backward.u and backward.v, or "
        f"{plain}, found {', '.join(there) or 'none'}; rename two of them"
    )


def openexr() -> ModuleType:
    """Return the package OpenEXR. Raises `InputError` if it is not installed."""
    try:
        import OpenEXR

        return OpenEXR  # type: ignore[no-any-return]
    except ImportError as error:
        raise InputError(
            "EXR files need OpenEXR, which is not installed; run: pip install OpenEXR, or choose "
            "npz, flo or kitti"
        ) from error


def _channels(parts: Any) -> dict[str, tuple[Any, Any]]:
    """Return each channel with the header of its part, by name and by PART.NAME."""
    found: dict[str, tuple[Any, Any]] = {}
    for part in parts:
        for name, channel in part.channels.items():
            found.setdefault(name, (channel, part.header))
            if part.name() and "." not in name:  # Nuke also writes a layer as a separate part
                found.setdefault(f"{part.name()}.{name}", (channel, part.header))
    return found


def _flow(
    path: Path, channels: dict[str, tuple[Any, Any]], names: tuple[str, str], *, up: bool
) -> Tensor:
    """Return the flow [2,H,W] px of two channels."""
    arrays = []
    for name in names:
        channel, header = channels[name]
        pixels = channel.pixels
        if not (isinstance(pixels, np.ndarray) and pixels.dtype.kind == "f" and pixels.ndim == 2):
            kind = getattr(pixels, "dtype", type(pixels).__name__)
            raise InputError(f"{path}: {name}: expected half or float pixels, found {kind}")
        (data, whole) = (_window(header[f"{kind}Window"]) for kind in ("data", "display"))
        if data != whole:
            raise InputError(
                f"{path}: {name}: expected pixels for the whole picture {whole}, found "
                f"{data}; write it without crop and overscan (in Nuke: autocrop off)"
            )
        arrays.append(pixels)
    u, v = arrays
    if u.shape != v.shape or 0 in u.shape:
        raise InputError(
            f"{path}: expected {names[0]} and {names[1]} of one size, found {list(u.shape)} and "
            f"{list(v.shape)}"
        )
    flow = np.stack([u, v]).astype(np.float32, copy=False)
    if up:
        np.negative(flow[1], out=flow[1])
    return torch.from_numpy(flow)


def _window(box: Any) -> list[int]:
    """Return a window of the header as x0, y0, x1, y1."""
    return [int(value) for corner in box for value in corner]
