"""Save Motion: writes bodies in motion to files for other programs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.body.files import FORMATS, format_named
from ...engines.errors import InputError, MediaError
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..streaming import GrowingFiles, Rule, Saves, Sink, Values
from ..streaming.sinks import files_of
from ..widgets import bodies_input, prefix_input, rate_input
from . import CATEGORY
from .rigs import rig_of

if TYPE_CHECKING:
    from ...engines.body.bodies import Bodies

_CHUNKS = "chunks.part"


class _Motion(GrowingFiles):
    """Files that are made of a file of chunks when all are there: one, or one for each person.

    They lie in the folder of finished parts by their numbers until they get their names.
    """

    _fps = 0.0
    _names: tuple[str, ...] = ()  # of the files, once they are made

    def write(self, values: Values) -> None:
        from ...engines.body.files.clip import as_chunk

        bodies: Bodies = values["bodies"]
        self._fps = values["fps"]
        if len(bodies):
            self.growing(_CHUNKS).append(as_chunk(bodies))
        self.frame_count += len(bodies)

    def mark(self) -> dict[str, Any]:
        return {**super().mark(), "fps": self._fps, "names": list(self._names)}

    def resume(self, mark: Mapping[str, Any]) -> None:
        super().resume(mark)
        fps, names = mark["fps"], mark["names"]
        if not isinstance(fps, float | int) or any(Path(str(n)).name != n for n in names):
            raise ValueError(f"expected a frame rate and names of files, found {str(mark)[:60]}")
        self._fps, self._names = float(fps), tuple(names)

    def prepare(self) -> None:
        from ...engines.body.files.clip import Clip

        if not self.frame_count:
            raise InputError("bodies: expected at least 1 frame, found none; nothing to save")
        chunks = self.growing(_CHUNKS)
        chunks.size()
        clip = Clip.of_file(chunks.path, _first_rig(chunks.path), self._fps, host.warn)
        made, ready = self.parts / "made", files_of(self.path)
        for folder in (made, ready):  # of a run that was interrupted here
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        files = format_named(self.format).write(clip, made / self.path.name)
        for number, file in enumerate(files):
            file.rename(ready / f"{number}{file.suffix}")
        self._names = tuple(file.name for file in files)

    def appearing(self) -> tuple[Path, ...]:
        return tuple(self.path.with_name(name) for name in self._names)

    def finish(self) -> tuple[Path, ...]:
        for number, path in enumerate(self.appearing()):
            part = files_of(self.path) / f"{number}{path.suffix}"
            if part.exists():
                if path.exists():
                    raise MediaError(
                        f"{path}: was created meanwhile; move it away, and run the same command "
                        "again"
                    )
                part.rename(path)
        self.text = "\n".join(map(str, self.appearing()))
        return self.appearing()


def _first_rig(chunks: Path) -> Any:
    """Return the rig of the bodies in a file of chunks; `Clip` says if others follow."""
    from ...engines.body.files.formats.as_safetensors import safetensors_file

    with chunks.open("rb") as file:
        return rig_of(next(iter(safetensors_file().chunks(file))))


def _suffix(format: str) -> str:
    return format_named(format).suffix


def _sink(path: Path, format: str, carried: Mapping[str, str]) -> Sink:
    return _Motion(path, format, carried)


class SaveMotion(io.ComfyNode):
    STREAMING = Rule("sink", ("bodies",), saves=Saves(_sink, suffix=_suffix, format_input="form"))
    ORDER = 775

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographSaveMotion",
            display_name="Save Motion",
            category=CATEGORY,
            **found_by(
                "save bodies, export motion capture, mocap, bvh, glb, gltf, smpl npz, amass, "
                "blender, animation"
            ),
            description="Writes bodies in motion to the output folder: as BVH or GLB for Blender "
            "and other programs, as SMPL poses, or everything as safetensors.",
            is_output_node=True,
            inputs=[
                bodies_input(),
                io.Combo.Input(
                    "form",
                    options=list(FORMATS),
                    default="bvh",
                    tooltip="bvh: a skeleton in motion, one file per person. glb: everybody's "
                    "surface, skeleton and motion in one scene. smpl: an .npz as readers of AMASS "
                    "take it, one file per person. safetensors: everything, lossless; the only one "
                    "that Load Bodies reads.",
                ),
                prefix_input(
                    "kinograph/motion",
                    "Name of the file in the output folder; a number is appended, and the track "
                    "where several people have a file each.",
                ),
                rate_input(),
            ],
            outputs=[],
        )

    @classmethod
    def execute(cls, bodies: Bodies, form: str, filename_prefix: str, fps: float) -> io.NodeOutput:
        from ...engines.body.files import write_bodies

        rig = rig_of(bodies)
        path = host.save_path(filename_prefix, _suffix(form), bodies.canvas)
        files = write_bodies(bodies, path, form, rig=rig, fps=fps, warn=host.warn)
        for file in files:
            if file != path:
                host.saved_beside(file)
        return io.NodeOutput(ui=Shown("\n".join(map(str, files))))
