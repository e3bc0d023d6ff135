"""Save VACE Tensor: writes control video, mask and references as safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.files import atomic_write, sync_file
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..streaming import GrowingFiles, Rule, Saves, Values
from ..types import KinoVace
from ..widgets import prefix_input
from . import CATEGORY

if TYPE_CHECKING:
    from ...engines.vace.control import VaceControl


class _Sink(GrowingFiles):
    """A VACE tensor whose channels grow in files of their own."""

    _size = (0, 0)

    def write(self, values: Values) -> None:
        from ...engines.vace.tensors import channel_bytes
        from ..streaming.states import save_state

        vace: VaceControl = values["vace"]
        if not self.frame_count:
            save_state(vace.references, self._references)
            sync_file(self._references)
        self._size = vace.size
        for name, data in channel_bytes(vace).items():
            self.growing(f"{name}.part").append(data)
        self.frame_count += vace.frame_count

    @property
    def _references(self) -> Path:
        return self.parts / "references.state"

    def mark(self) -> dict[str, Any]:
        return {**super().mark(), "size": list(self._size)}

    def resume(self, mark: Mapping[str, Any]) -> None:
        super().resume(mark)
        self._size = (mark["size"][0], mark["size"][1])

    def finish(self) -> tuple[Path, ...]:
        from ...engines.vace.tensors import CHANNELS, put_together
        from ..streaming.states import load_state

        self.mark()
        channels = {name: self.growing(f"{name}.part").path for name in CHANNELS}
        with atomic_write(self.path, folder=self.parts) as aside:
            shape = (self.frame_count, *self._size)
            put_together(aside, channels, shape, load_state(self._references))
        self.text = str(self.path)
        return (self.path,)


_SUFFIX = ".safetensors"


class SaveVace(io.ComfyNode):
    STREAMING = Rule("sink", ("vace",), saves=Saves(_Sink, suffix=_SUFFIX))
    ORDER = 340

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographSaveVace",
            display_name="Save VACE Tensor",
            category=CATEGORY,
            **found_by("safetensors, export tensor, daydream scope"),
            description="Writes a safetensors file with float32 tensors: video [1,3,F,H,W] in "
            "-1..1, mask [1,1,F,H,W] in 0..1 and, if there are any, references [1,3,R,H,W] in "
            "-1..1.",
            is_output_node=True,
            inputs=[
                KinoVace.Input("vace", tooltip="From VACE Normalise."),
                prefix_input("kinograph/vace"),
            ],
            outputs=[],
        )

    @classmethod
    def execute(cls, vace: VaceControl, filename_prefix: str) -> io.NodeOutput:
        from safetensors.torch import save_file

        path = host.save_path(filename_prefix, _SUFFIX, vace.size)
        tensors = {"video": vace.video, "mask": vace.mask, "references": vace.references}
        with atomic_write(path) as aside:
            save_file({k: t.contiguous() for k, t in tensors.items() if t is not None}, aside)
        return io.NodeOutput(ui=Shown(str(path)))
