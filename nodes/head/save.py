"""Save Heads: writes heads to a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...engines.errors import InputError
from ...engines.files import atomic_write
from ...engines.head.files import FORMATS, format_named
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..streaming import GrowingFiles, Rule, Saves, Sink, Values
from ..widgets import heads_input, open_rate_input, prefix_input
from . import CATEGORY

if TYPE_CHECKING:
    from ...engines.head.heads import Heads

_CHUNKS = "chunks.part"


class _Heads(GrowingFiles):
    """A file that is put together of chunks."""

    def write(self, values: Values) -> None:
        heads: Heads = values["heads"]
        if not len(heads):
            return  # the first chunk with frames has what begins the file
        made = format_named(self.format)
        self.growing(_CHUNKS).append(made.chunk(heads, self.frame_count, values["fps"]))
        self.frame_count += len(heads)

    def finish(self) -> tuple[Path, ...]:
        if not self.frame_count:
            raise InputError(f"{self.path}: there is nothing to save")
        chunks = self.growing(_CHUNKS)
        chunks.size()
        with atomic_write(self.path, folder=self.parts) as aside:
            format_named(self.format).join(chunks.path, aside)
        self.text = str(self.path)
        return (self.path,)


def _suffix(format: str) -> str:
    return format_named(format).suffix


def _sink(path: Path, format: str, carried: Mapping[str, str]) -> Sink:
    return _Heads(path, format, carried)


class SaveHeads(io.ComfyNode):
    STREAMING = Rule("sink", ("heads",), saves=Saves(_sink, suffix=_suffix, format_input="form"))
    ORDER = 575

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographSaveHeads",
            display_name="Save Heads",
            category=CATEGORY,
            **found_by("save head pose, export face landmarks, yaw pitch roll csv, head angles"),
            description="Writes heads to the output folder: everything as JSON or safetensors, or "
            "a table of the angles of every head in every frame.",
            is_output_node=True,
            inputs=[
                heads_input(),
                io.Combo.Input(
                    "form",
                    options=list(FORMATS),
                    default="json",
                    tooltip="json: everything, with yaw, pitch and roll, for programs. csv: a "
                    "table of score, angles, position and box, one row per face and frame; it "
                    "cannot be loaded again. safetensors: everything, lossless and small.",
                ),
                prefix_input("kinograph/heads"),
                open_rate_input(
                    "Frame rate of the clip, for the times in json and csv. 0: unknown, no times."
                ),
            ],
            outputs=[],
        )

    @classmethod
    def execute(cls, heads: Heads, form: str, filename_prefix: str, fps: float) -> io.NodeOutput:
        from ...engines.head.files import write_heads

        path = host.save_path(filename_prefix, _suffix(form), heads.canvas)
        write_heads(heads, path, form, fps=fps)
        return io.NodeOutput(ui=Shown(str(path)))
