"""Save VACE Tensor: writes control video, mask and references as safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.files import atomic_write, sync_file
from ...engines.words import counted
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..streaming import GrowingFiles, Rule, Saves, Sink, Values
from ..types import KinoVace
from ..widgets import prefix_input
from . import CATEGORY

if TYPE_CHECKING:
    from ...engines.vace.control import VaceControl


class _Sink(GrowingFiles):
    """A VACE tensor whose channels grow in separate files."""

    _size = (0, 0)

    def write(self, values: Values) -> None:
        from ...engines.vace.tensors import channel_bytes
        from ..streaming.states import save_state

        vace: VaceControl = values["vace"]
        if not self.frame_count:
            save_state(vace.references, self._references)
            sync_file(self._references)
        self._size = vace.size
        before, now = (_large(count, vace.size) for count in (self.frame_count, _after(self, vace)))
        if now and not before:
            host.warn(now)
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
_PER_PIXEL = 4 * 4  # bytes: three channels of video and one of the mask, float32
_LARGE = 600_000_000  # bytes; 81 frames of 832x480, the most of wan_480p, take 518 MB


def _after(sink: Sink, vace: VaceControl) -> int:
    """Return how many frames there are with those of the next chunk."""
    return sink.frame_count + vace.frame_count


def _large(frames: int, size: tuple[int, int]) -> str:
    """Return the words for a tensor that is larger than expected, before it is written."""
    bytes_ = frames * size[0] * size[1] * _PER_PIXEL
    if bytes_ < _LARGE:
        return ""
    return (
        f"the tensor takes {bytes_ / 1e9:.2f} GB for {counted(frames, 'frame')} of "
        f"{size[1]}x{size[0]}; a preset in VACE Normalise, such as wan_480p, brings it to the size "
        "that the model takes"
    )


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

        if words := _large(vace.frame_count, vace.size):
            host.warn(words)
        path = host.save_path(filename_prefix, _SUFFIX, vace.size)
        tensors = {"video": vace.video, "mask": vace.mask, "references": vace.references}
        with atomic_write(path) as aside:
            save_file({k: t.contiguous() for k, t in tensors.items() if t is not None}, aside)
        return io.NodeOutput(ui=Shown(str(path)))
