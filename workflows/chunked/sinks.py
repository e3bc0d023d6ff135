"""Nodes that save or show, fed chunk by chunk.

What is written lies in a folder of its own beside the file, NAME.parts, until all is there. `mark`
says how far it is sure, and `resume` goes back to that.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...engines.files import sync_file, written_aside
from ...engines.flow.files.npz import write_npz
from ...engines.flow.files.values import check_known, rows_of
from ...engines.flow.flow import Flow
from ...engines.pose.files import write_poses
from ...engines.pose.files.coco import to_coco
from ...engines.pose.files.document import as_text
from ...engines.pose.files.pose_keypoint import to_pose_keypoint
from ...engines.pose.files.predictions import to_predictions
from ...engines.pose.poses import Poses
from ...engines.sequence import frame_count
from ...engines.vace.control import VaceControl
from ...engines.vace.tensors import CHANNELS, channel_bytes, put_together
from .folders import parts_of
from .parts import Growing
from .states import load_state, save_state

Values = Mapping[str, Any]


class Sink:
    """Shows how much came, and writes nothing; the base of those that write.

    path:    what appears when all is there; None if nothing does
    carried: metadata for pictures and videos
    """

    def __init__(self, path: Path | None = None, carried: Mapping[str, str] | None = None):
        self._path = path
        self.carried = dict(carried or {})
        self.frames = 0
        self.text = ""

    @property
    def path(self) -> Path:
        assert self._path is not None  # asked of those that write
        return self._path

    @property
    def saves(self) -> bool:
        return self._path is not None

    @property
    def parts(self) -> Path:
        """The folder for what is not all there yet."""
        return parts_of(self.path)

    def write(self, values: Values) -> None:
        """Take the next frames, among the inputs of the node."""
        chunk = next(v for name, v in values.items() if name in ("images", "source"))
        self.frames += frame_count(chunk)
        size = f" of {chunk.shape[2]}x{chunk.shape[1]}" if isinstance(chunk, Tensor) else ""
        self.text = f"{self.frames} images{size}" if size else f"{self.frames} frames"

    def mark(self) -> dict[str, Any]:
        """How far it is, as JSON; all before that is on the disk for good."""
        return {"frames": self.frames, "text": self.text}

    def settle(self) -> None:
        """Drop what only the mark before the last needed."""

    def resume(self, mark: Mapping[str, Any]) -> None:
        """Go back to a mark. Raises `GraphError` where less than that is there."""
        self.frames, self.text = mark["frames"], mark["text"]

    def prepare(self) -> None:
        """Decide what `finish` will do; its mark is the last."""

    def finish(self) -> tuple[Path, ...]:
        """Make the files appear; may be called again after it was cut short."""
        return ()

    def close(self) -> None:
        """Let go of open files."""


class _Files(Sink):
    """A sink with files that grow, by name."""

    def __init__(self, path: Path | None = None, carried: Mapping[str, str] | None = None):
        super().__init__(path, carried)
        self._growing: dict[str, Growing] = {}

    def growing(self, name: str) -> Growing:
        if name not in self._growing:
            self._growing[name] = Growing(self.parts / name)
        return self._growing[name]

    def mark(self) -> dict[str, Any]:
        sizes = {name: file.size() for name, file in self._growing.items()}
        return {**super().mark(), "sizes": sizes}

    def resume(self, mark: Mapping[str, Any]) -> None:
        super().resume(mark)
        for path in self.parts.iterdir():
            if path.suffix == ".part" and path.name not in mark["sizes"]:
                path.unlink()
        for name, size in mark["sizes"].items():
            self.growing(name).cut_back(size)

    def close(self) -> None:
        for file in self._growing.values():
            file.close()
        self._growing.clear()


class JsonList(_Files):
    """A JSON file with a list that grows: keypoints, results, predictions.

    form: of Save Poses; "" for keypoints as they come
    """

    def __init__(self, path: Path, form: str = ""):
        super().__init__(path)
        self._form = form
        self._shell = "[]"

    def write(self, values: Values) -> None:
        document, key = self._document(values)
        rows = document[key] if key else document
        self._shell = as_text({**document, key: []} if key else [])
        text = as_text(rows)[1:-1]
        file = self.growing("rows.part")
        if text:
            file.append((("," if self._any else "") + text).encode())
            self._any = True

    _any = False

    def _document(self, values: Values) -> tuple[Any, str]:
        """What Save Poses or Save Keypoints would write, and where in it the list is."""
        first = self.frames
        if not self._form:
            rows = values["pose_keypoint"]
            self.frames += len(rows)
            return rows, ""
        poses: Poses = values["poses"]
        self.frames += len(poses)
        if self._form == "coco":
            return to_coco(poses, range(first, self.frames)), ""
        if self._form == "predictions":
            names = [f"frame_{f:06d}.png" for f in range(first, self.frames)]
            return to_predictions(poses, names), "predictions"
        return to_pose_keypoint(poses), ""

    def mark(self) -> dict[str, Any]:
        return {**super().mark(), "shell": self._shell, "any": self._any}

    def resume(self, mark: Mapping[str, Any]) -> None:
        super().resume(mark)
        self._shell, self._any = mark["shell"], mark["any"]

    def finish(self) -> tuple[Path, ...]:
        rows = self.growing("rows.part")
        rows.size()
        head, tail = self._shell.split("[]", 1)
        with written_aside(self.path) as aside, aside.open("wb") as out:
            out.write(f"{head}[".encode())
            with rows.path.open("rb") as file:
                while block := file.read(1 << 20):
                    out.write(block)
            out.write(f"]{tail}\n".encode())
        self.text = str(self.path)
        return (self.path,)


class PosesFile(Sink):
    """Poses as safetensors, whose tensors can be written only when all are there: a few kB a
    frame."""

    def __init__(self, path: Path):
        super().__init__(path)
        self._waiting: list[Poses] = []
        self._files = 0

    def write(self, values: Values) -> None:
        self._waiting.append(values["poses"].to("cpu"))
        self.frames += len(values["poses"])

    def mark(self) -> dict[str, Any]:
        if self._waiting:
            save_state(Poses.cat(self._waiting), self._part(self._files))
            sync_file(self._part(self._files))
            self._files, self._waiting = self._files + 1, []
        return {**super().mark(), "files": self._files}

    def resume(self, mark: Mapping[str, Any]) -> None:
        super().resume(mark)
        self._files = mark["files"]

    def _part(self, number: int) -> Path:
        return self.parts / f"{number:06}.part"

    def finish(self) -> tuple[Path, ...]:
        self.mark()
        chunks = [load_state(self._part(number)) for number in range(self._files)]
        write_poses(Poses.cat(chunks), self.path, "safetensors")
        self.text = str(self.path)
        return (self.path,)


class FlowFile(_Files):
    """Flow as .npz."""

    def __init__(self, path: Path):
        super().__init__(path)
        self._about: dict[str, Any] = {}

    def write(self, values: Values) -> None:
        flow: Flow = values["flow"]
        if not self._about:
            self._about = {
                "fps": flow.fps,
                "first": flow.first,
                "size": list(flow.size),
                "pairs": 0,
            }
        for direction, rows in rows_of(flow).items():
            cure = "look for the node before this one that ran out of its range"
            check_known(f"{direction} flow", rows, cure)
            data = rows.detach().cpu().contiguous().numpy()
            self.growing(f"{direction}.part").append(data.tobytes())
        self._about["pairs"] += len(flow)
        self.frames += flow.frame_count

    def mark(self) -> dict[str, Any]:
        return {**super().mark(), "about": self._about}

    def resume(self, mark: Mapping[str, Any]) -> None:
        super().resume(mark)
        self._about = dict(mark["about"])

    def finish(self) -> tuple[Path, ...]:
        self.mark()
        shape = (self._about["pairs"], 2, *self._about["size"])
        ways = {name.removesuffix(".part"): file.path for name, file in self._growing.items()}
        rows = {name: _mapped(path, shape) for name, path in ways.items()}
        write_npz(Flow(**rows, fps=self._about["fps"], first=self._about["first"]), self.path)
        self.text = str(self.path)
        return (self.path,)


def _mapped(path: Path, shape: tuple[int, ...]) -> Tensor:
    """A file of float32 as a tensor whose pages the system reads when they are looked at."""
    if 0 in shape:
        return torch.empty(shape)
    return torch.from_numpy(np.memmap(path, np.float32, "c", shape=shape))


class VaceFile(_Files):
    """A VACE tensor."""

    def __init__(self, path: Path):
        super().__init__(path)
        self._size: tuple[int, int] = (0, 0)

    def write(self, values: Values) -> None:
        vace: VaceControl = values["vace"]
        if not self.frames:
            save_state(vace.references, self._references)
            sync_file(self._references)
        self._size = vace.size
        for name, data in channel_bytes(vace).items():
            self.growing(f"{name}.part").append(data)
        self.frames += frame_count(vace)

    @property
    def _references(self) -> Path:
        return self.parts / "references.state"

    def mark(self) -> dict[str, Any]:
        return {**super().mark(), "size": list(self._size)}

    def resume(self, mark: Mapping[str, Any]) -> None:
        super().resume(mark)
        self._size = (mark["size"][0], mark["size"][1])

    def finish(self) -> tuple[Path, ...]:
        self.mark()
        channels = {name: self.growing(f"{name}.part").path for name in CHANNELS}
        with written_aside(self.path) as aside:
            shape = (self.frames, *self._size)
            put_together(aside, channels, shape, load_state(self._references))
        self.text = str(self.path)
        return (self.path,)
