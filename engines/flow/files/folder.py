"""A folder of flow: one file per pair, and flow.json, which says what the files do not.

One direction alone: flow_000000.flo ... in the folder itself, or in its folder backward. Both:
in the folders forward and backward; or, for EXR, in one file. flow.json holds format, version,
pairs, fps and first; folders without it, as others make them, are read with the defaults of `Flow`.
"""

import json
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import InputError
from ...files import atomic_folder, read_regular
from ...words import counted
from ..choices import FIRST_FRAMES
from ..flow import Flow
from .exr import openexr, save_exr
from .kitti import kitti_bytes
from .middlebury import flo_bytes
from .single import SUFFIXES, read_single
from .values import check_known, rows_of

SIDECAR = "flow.json"
FORMAT, VERSION = "kinograph.flow", 1
_ENDINGS = {"flo": ".flo", "exr": ".exr", "kitti": ".png"}
_FASTEST = 1e9  # frames per second; JSON has numbers that no float can hold
_THREADS = min(8, os.cpu_count() or 1)  # EXR and PNG: up to twice as fast on two cores
GAPS = "a ground truth with gaps is for evaluation (read_ground_truth), not for drawing"
"""What to do with unknown flow."""


def write(
    flow: Flow, folder: Path, format: str, progress: Callable[[int], None] | None = None
) -> None:
    """Write a folder of flo, exr or kitti; it appears when it is complete.

    Raises `InputError` for a flow without pairs or pixels and for what the format cannot hold,
    `MediaError` for a folder that is there already with something in it, or cannot be written.
    """
    if not len(flow) or 0 in flow.size:
        raise InputError(
            f"flow: expected at least one pair of frames with pixels, found {list(flow.main.shape)}"
            f"; a folder of {format} cannot say that, npz can"
        )
    if format == "exr":
        openexr()
    here = flow.to("cpu")
    with atomic_folder(folder) as aside:
        with ThreadPoolExecutor(_THREADS) as pool:
            try:
                for _ in pool.map(lambda i: _write_pair(here, i, aside, format), range(len(here))):
                    if progress is not None:  # asked for each result, so that errors arrive
                        progress(1)
            except BaseException:
                pool.shutdown(cancel_futures=True)  # the user has cancelled, or the disk is full
                raise
        write_sidecar(aside, len(flow), flow.fps, flow.first)


def write_sidecar(folder: Path, pairs: int, fps: float, first: str) -> None:
    """Write what the files of `pairs` do not say."""
    about = {"format": FORMAT, "version": VERSION, "pairs": pairs}
    text = json.dumps({**about, "fps": float(fps), "first": first})
    (folder / SIDECAR).write_text(text + "\n", encoding="utf-8")


def write_pairs(flow: Flow, folder: Path, format: str, first: int) -> list[Path]:
    """Write the files of some pairs into a folder, numbered from `first` on, and return them."""
    here = flow.to("cpu")
    names = [f"flow_{first + pair:06d}{_ENDINGS[format]}" for pair in range(len(here))]
    for pair in range(len(here)):
        _write_pair(here, pair, folder, format, first)
    inside = (folder, folder / "forward", folder / "backward")
    return [path for name in names for place in inside if (path := place / name).exists()]


def _write_pair(flow: Flow, pair: int, folder: Path, format: str, first: int = 0) -> None:
    name = f"flow_{first + pair:06d}{_ENDINGS[format]}"
    rows = {direction: rows[pair] for direction, rows in rows_of(flow).items()}
    if format == "exr":
        save_exr(folder / name, **rows)
        return
    encode = flo_bytes if format == "flo" else kitti_bytes
    for direction, row in rows.items():
        inside = folder if flow.direction == "forward" else folder / direction
        inside.mkdir(exist_ok=True)
        try:
            (inside / name).write_bytes(encode(row))
        except InputError as error:
            raise InputError(f"{direction} {error} (pair {first + pair})") from error


def read(folder: Path) -> Flow:
    """Read the flow of a folder onto the CPU, its files in the order of their numbers.

    Raises `InputError` for a folder without files of flow or with those of two clips, for files
    of different sizes, for one that is damaged or has unknown flow, and for pairs that are missing.
    """
    settings = _sidecar(folder)
    inside = [p for p in (folder / "forward", folder / "backward") if p.is_dir()]
    files = {place: _files(place) for place in (folder, *inside)}
    if inside and files[folder]:
        raise InputError(
            f"{folder}: expected files of flow, or the folders forward and backward, found "
            f"{files[folder][0].name} and {inside[0].name}; move one of them away"
        )
    if not inside:
        flows = _stacked(files[folder], folder)
    else:
        flows = {}
        for place in inside:
            (flows[place.name],) = _stacked(files[place], place, one=True).values()
    pairs = settings.pop("pairs", None)
    for direction, rows in flows.items():
        if pairs is not None and len(rows) != pairs:
            raise InputError(
                f"{folder}: expected {counted(pairs, 'pair')}, as {SIDECAR} says, found "
                f"{counted(len(rows), 'file')} of "
                f"{direction} flow; write it again, or remove {SIDECAR}"
            )
    try:
        return Flow(flows.get("forward"), flows.get("backward"), **settings)
    except InputError as error:
        raise InputError(f"{folder}: {error}") from error


def _stacked(files: list[Path], folder: Path, *, one: bool = False) -> dict[str, Tensor]:
    """Read N files into [N,2,H,W] for each direction that they have; one: they must have exactly
    one."""
    if not files:
        raise InputError(f"{folder}: expected files of flow ({', '.join(SUFFIXES)}), found none")
    first = _pair(files[0])
    if one and first.direction == "both":
        raise InputError(
            f"{files[0]}: expected {folder.name} flow alone, as in a folder of that name, found "
            "both; move the files to the folder above"
        )
    shape = (len(files), *first.main.shape[1:])
    out = {direction: torch.empty(shape) for direction in rows_of(first)}

    def fill(i: int) -> None:
        flow = _pair(files[i]) if i else first
        if (flow.direction, flow.size) != (first.direction, first.size):
            raise InputError(
                f"{files[i]}: expected {first.direction} flow of {_size(first)}, as in "
                f"{files[0].name}, found {flow.direction} flow of {_size(flow)}; put the files of "
                "each clip in a folder of their own"
            )
        for direction, rows in rows_of(flow).items():
            out[direction][i] = rows[0]

    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(fill, range(len(files))):
            pass  # fetching each result raises its error
    return out


def _pair(path: Path) -> Flow:
    flow = read_single(path)
    if len(flow) != 1:
        raise InputError(f"{path}: expected one pair in a file of a folder, found {len(flow)}")
    for rows in rows_of(flow).values():
        check_known(str(path), rows, GAPS)
    return flow


def _files(folder: Path) -> list[Path]:
    """Return the flow files of a folder, 2 before 10.

    Raises `InputError` for those of two clips.
    """
    try:
        paths = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.name[0] != "."]
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror or error})") from error
    clips: dict[str, Path] = {}
    for path in sorted(paths):
        clips.setdefault(re.sub(r"[0-9]+", "0", path.name), path)
    if len(clips) > 1:
        names = " and ".join(path.name for path in list(clips.values())[:2])
        raise InputError(
            f"{folder}: expected the files of one clip, whose names differ in numbers only, found "
            f"{names}; move one of them away"
        )

    def order(path: Path) -> list[int]:
        return [int(number) for number in re.findall(r"[0-9]+", path.name)]

    return sorted(paths, key=order)


def _sidecar(folder: Path) -> dict[str, Any]:
    """Return pairs, fps and first, as far as flow.json exists and states them."""
    path = folder / SIDECAR
    if not path.exists():
        return {}
    try:
        raw = json.loads(read_regular(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON ({error}); remove it, or write it again") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise InputError(f"{path}: expected an object with format {FORMAT}, found {_short(raw)}")
    if raw.get("version") != VERSION:
        raise InputError(
            f"{path}: expected version {VERSION}, found {_short(raw.get('version'))}; "
            "a newer Kinograph wrote it"
        )
    pairs: Any = raw.get("pairs")
    fps: Any = raw.get("fps")
    first: Any = raw.get("first")
    checks = {
        "pairs": ("a whole number from 1", type(pairs) is int and pairs >= 1),
        "fps": ("a number above 0", type(fps) in (int, float) and 0 < fps < _FASTEST),
        "first": (f"one of {', '.join(FIRST_FRAMES)}", first in ("", *FIRST_FRAMES)),
    }
    for key, (expected, fits) in checks.items():
        if key in raw and not fits:
            raise InputError(f"{path}: {key}: expected {expected}, found {_short(raw[key])}")
    return {key: raw[key] for key in checks if key in raw}


def _short(raw: Any) -> str:
    text = json.dumps(raw)
    return text if len(text) <= 60 else text[:60] + "..."


def _size(flow: Flow) -> str:
    height, width = flow.size
    return f"{width}x{height}"
