"""Nodes that save pictures, videos and folders, fed chunk by chunk."""

import re
import shutil
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av.error import FFmpegError
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ...engines.errors import GraphError, InputError, MediaError
from ...engines.files import sync_file, written_aside
from ...engines.flow.files.folder import SIDECAR, write_pairs, write_sidecar
from ...engines.flow.files.values import check_known, rows_of
from ...engines.flow.flow import Flow
from ...engines.pose.files.openpose_folder import write_frames
from ...engines.video.clip import Audio
from ...engines.video.part import VideoPart
from ...engines.video.segments import (
    SEGMENT,
    Planes,
    as_encoded,
    checked_size,
    join_segments,
    planes_of,
    to_bytes,
    write_segment,
)
from ...engines.video.sound import FileSound
from .parts import Growing
from .sinks import Sink, Values
from .states import load_state, save_state


class VideoFile(Sink):
    """An mp4. Frames are kept as they will be encoded until a segment of them is there: an encoder
    cannot be interrupted and go on."""

    def __init__(self, path: Path, carried: Mapping[str, str] | None = None):
        super().__init__(path, carried)
        self._spool: Growing | None = None
        self._size: tuple[int, int] = (0, 0)
        self._rate = ""
        self._sizes: list[int] = []  # bytes of each segment

    @property
    def _about(self) -> Path:
        return self.parts / "sound.state"

    def write(self, values: Values) -> None:
        video: VideoPart = values["video"]
        height, width = video.frames.shape[1:3]
        if not self.frames:
            checked_size(self.path, height, width)
            self._size = (height, width)
            self._rate = str(as_encoded(video.rate))
            save_state(video.audio, self._about)
            sync_file(self._about)
        for planes in planes_of(to_bytes(video.frames)):
            self._spooled().append(planes.tobytes())
            self.frames += 1
            if self.frames % SEGMENT == 0:
                self._encode()

    def _spooled(self) -> Growing:
        if self._spool is None:
            self._spool = Growing(self._spool_path(len(self._sizes)))
        return self._spool

    def _spool_path(self, segment: int) -> Path:
        return self.parts / f"{segment:06}.yuv"

    def _segment(self, number: int) -> Path:
        return self.parts / f"{number:06}.mp4"

    def _encode(self) -> None:
        """Make a segment of the frames that wait."""
        if self._spool is None:
            return
        self._spool.size()
        self._spool.close()
        path = self._segment(len(self._sizes))
        try:
            write_segment(path, self._planes(self._spool.path), Fraction(self._rate))
        except FFmpegError as error:
            raise MediaError(f"{self.path}: cannot be encoded ({error.strerror})") from error
        self._sizes.append(sync_file(path))
        self._spool = None

    def _planes(self, path: Path) -> Iterator[Planes]:
        height, width = self._size
        size = height * 3 // 2 * width
        with path.open("rb") as file:
            while data := file.read(size):
                yield np.frombuffer(data, np.uint8).reshape(height * 3 // 2, width)

    def mark(self) -> dict[str, Any]:
        return {
            **super().mark(),
            "size": list(self._size),
            "rate": self._rate,
            "segments": list(self._sizes),
            "spool": 0 if self._spool is None else self._spool.size(),
        }

    def settle(self) -> None:
        for path in self.parts.glob("*.yuv"):
            if int(path.stem) < len(self._sizes):
                path.unlink()

    def resume(self, mark: Mapping[str, Any]) -> None:
        super().resume(mark)
        self._size, self._rate = (mark["size"][0], mark["size"][1]), mark["rate"]
        self._sizes = list(mark["segments"])
        for number, size in enumerate(self._sizes):
            path = self._segment(number)
            if not path.is_file() or path.stat().st_size != size:
                raise GraphError(
                    f"{path}: expected {size} bytes of the run before, and it is not so; begin "
                    "anew with --restart"
                )
        for path in (*self.parts.glob("*.mp4"), *self.parts.glob("*.yuv")):
            keep = len(self._sizes) + (path.suffix == ".yuv" and mark["spool"] > 0)
            if int(path.stem) >= keep:
                path.unlink()
        if mark["spool"]:
            self._spooled().cut_back(mark["spool"])

    def finish(self) -> tuple[Path, ...]:
        if not self.frames:
            raise MediaError(f"{self.path}: no frames to write")
        done, spool = list(self._sizes), self._spool
        self._encode()
        segments = [self._segment(number) for number in range(len(self._sizes))]
        self._sizes = done
        if spool is not None:  # as long as the run is not over, it can be finished again
            self._spool = Growing(spool.path)
        try:
            with written_aside(self.path) as aside:
                join_segments(
                    aside,
                    segments,
                    Fraction(self._rate),
                    frames=self.frames,
                    sound=sound_of(load_state(self._about)),
                    metadata=self.carried,
                )
        except FFmpegError as error:
            raise MediaError(f"{self.path}: cannot be encoded ({error.strerror})") from error
        self.text = str(self.path)
        return (self.path,)

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()


def sound_of(audio: Any) -> Audio | FileSound | None:
    """ComfyUI's AUDIO as sound; what is still in its file stays there."""
    if not audio or isinstance(audio, FileSound):
        return audio or None
    return Audio(audio["waveform"], int(audio["sample_rate"]))


class Folder(Sink):
    """Files in a folder, numbered; `finish` gives the folder its name."""

    @property
    def folder(self) -> Path:
        return self.parts / "files"

    def __init__(self, path: Path, carried: Mapping[str, str] | None = None):
        super().__init__(path, carried)
        self._new: list[Path] = []  # not yet on the disk for good

    def mark(self) -> dict[str, Any]:
        for path in self._new:
            sync_file(path)
        self._new = []
        return super().mark()

    def resume(self, mark: Mapping[str, Any]) -> None:
        super().resume(mark)
        for path in self.folder.rglob("*"):
            found = re.search(r"(\d+)(?:_keypoints)?\.\w+$", path.name)
            if found and int(found[1]) >= self.kept:
                path.unlink()

    @property
    def kept(self) -> int:
        """How many numbers are in use."""
        return self.frames

    def finish(self) -> tuple[Path, ...]:
        if self.folder.is_dir():
            if not any(self.folder.iterdir()):
                raise InputError(f"{self.path}: there is nothing to save")
            self.folder.rename(self.path)
        self.text = str(self.path)
        return (self.path,)


class KeypointFolder(Folder):
    """A folder of OpenPose, with a file a frame."""

    def write(self, values: Values) -> None:
        self.folder.mkdir(exist_ok=True)
        poses = values["poses"]
        self._new += write_frames(poses, self.folder, self.path.name, self.frames)
        self.frames += len(poses)


class FlowFolder(Folder):
    """A folder of flow, with a file a pair."""

    def __init__(self, path: Path, form: str):
        super().__init__(path)
        self._form = form
        self._pairs = 0
        self._about: list[Any] = []

    @property
    def kept(self) -> int:
        return self._pairs

    def write(self, values: Values) -> None:
        self.folder.mkdir(exist_ok=True)
        flow: Flow = values["flow"]
        self._about = self._about or [flow.fps, flow.first]
        for direction, rows in rows_of(flow).items():
            cure = "look for the node before this one that ran out of its range"
            check_known(f"{direction} flow", rows, cure)
        self._new += write_pairs(flow, self.folder, self._form, self._pairs)
        self._pairs += len(flow)
        self.frames += flow.frame_count

    def mark(self) -> dict[str, Any]:
        return {**super().mark(), "pairs": self._pairs, "about": self._about}

    def resume(self, mark: Mapping[str, Any]) -> None:
        self._pairs, self._about = mark["pairs"], mark["about"]
        super().resume(mark)

    def finish(self) -> tuple[Path, ...]:
        if self.folder.is_dir() and not (self.folder / SIDECAR).exists():
            write_sidecar(self.folder, self._pairs, *self._about)
        return super().finish()


class Pictures(Folder):
    """PNGs, which get their names beside each other at the end.

    path: of the first
    """

    _first = 0

    def write(self, values: Values) -> None:
        self.folder.mkdir(exist_ok=True)
        carried = PngInfo()
        for key, value in self.carried.items():
            carried.add_text(key, value)
        for image in values["images"]:
            pixels = np.clip(255.0 * image.cpu().numpy(), 0, 255).astype(np.uint8)
            path = self.folder / f"{self.frames}.png"
            Image.fromarray(pixels).save(path, pnginfo=carried, compress_level=4)
            self._new.append(path)
            self.frames += 1

    def prepare(self) -> None:
        """The numbers from that of the path on, or others where they have been taken since."""
        stem, self._first = self._numbered(self.path)
        pattern = re.compile(re.escape(stem) + r"_(\d+)_?", re.IGNORECASE)
        taken = [
            int(found[1])
            for path in self.path.parent.iterdir()
            if path != self.parts and (found := pattern.match(path.name))
        ]
        if any(self._first <= number < self._first + self.frames for number in taken):
            self._first = max(taken) + 1

    def mark(self) -> dict[str, Any]:
        return {**super().mark(), "first": self._first}

    def resume(self, mark: Mapping[str, Any]) -> None:
        self._first = mark["first"]
        if not self._first:  # else they are being named
            super().resume(mark)
        self.frames = mark["frames"]

    @staticmethod
    def _numbered(path: Path) -> tuple[str, int]:
        found = re.fullmatch(r"(.*)_(\d+)_", path.stem)
        assert found is not None  # as `host.save_path` makes them
        return found[1], int(found[2])

    def finish(self) -> tuple[Path, ...]:
        stem, _ = self._numbered(self.path)
        names = [
            self.path.with_name(f"{stem}_{self._first + i:05}_.png") for i in range(self.frames)
        ]
        for i, name in enumerate(names):
            part = self.folder / f"{i}.png"
            if part.exists():
                if name.exists():
                    raise MediaError(
                        f"{name}: has come there since; move it away, and run the same "
                        "command again"
                    )
                shutil.move(part, name)
        self.text = "\n".join(map(str, names))
        return tuple(names)
