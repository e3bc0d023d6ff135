"""Save Flow: writes optical flow to a file or a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.flow.choices import FORMATS
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..streaming import Folder, GrowingFiles, Rule, Saves, Sink, Values
from ..widgets import flow_input, prefix_input
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.flow.flow import Flow


class _Npz(GrowingFiles):
    """The whole flow in one .npz."""

    def __init__(self, path: Path, format: str, carried: Mapping[str, str]):
        super().__init__(path, format, carried)
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
        for direction, rows in _checked_rows(flow):
            data = rows.detach().cpu().contiguous().numpy()
            self.growing(f"{direction}.part").append(data.tobytes())
        self._about["pairs"] += len(flow)
        self.frame_count += flow.frame_count

    def mark(self) -> dict[str, Any]:
        return {**super().mark(), "about": self._about}

    def resume(self, mark: Mapping[str, Any]) -> None:
        super().resume(mark)
        self._about = dict(mark["about"])

    def finish(self) -> tuple[Path, ...]:
        from ...engines.flow.files.npz import write_npz
        from ...engines.flow.flow import Flow

        self.mark()
        shape = (self._about["pairs"], 2, *self._about["size"])
        ways = {name.removesuffix(".part"): file.path for name, file in self._growing.items()}
        rows = {name: _mapped(path, shape) for name, path in ways.items()}
        write_npz(Flow(**rows, fps=self._about["fps"], first=self._about["first"]), self.path)
        self.text = str(self.path)
        return (self.path,)


def _mapped(path: Path, shape: tuple[int, ...]) -> Tensor:
    """Return a file of float32 as a tensor whose pages the system reads on access."""
    import numpy as np
    import torch

    if 0 in shape:
        return torch.empty(shape)
    return torch.from_numpy(np.memmap(path, np.float32, "c", shape=shape))


class _Folder(Folder):
    """A folder with one file per pair of frames."""

    def __init__(self, path: Path, format: str, carried: Mapping[str, str]):
        super().__init__(path, format, carried)
        self._pairs = 0
        self._about: list[Any] = []

    @property
    def kept(self) -> int:
        return self._pairs

    def write(self, values: Values) -> None:
        from ...engines.flow.files.folder import write_pairs

        self.folder.mkdir(exist_ok=True)
        flow: Flow = values["flow"]
        self._about = self._about or [flow.fps, flow.first]
        _checked_rows(flow)
        self.unsynced += write_pairs(flow, self.folder, self.format, self._pairs)
        self._pairs += len(flow)
        self.frame_count += flow.frame_count

    def mark(self) -> dict[str, Any]:
        return {**super().mark(), "pairs": self._pairs, "about": self._about}

    def resume(self, mark: Mapping[str, Any]) -> None:
        self._pairs, self._about = mark["pairs"], mark["about"]
        super().resume(mark)

    def contents(self) -> list[str]:
        from ...engines.flow.files.folder import SIDECAR

        return sorted({*super().contents(), SIDECAR})

    def finish(self) -> tuple[Path, ...]:
        from ...engines.flow.files.folder import SIDECAR, write_sidecar

        if self.folder.is_dir() and not (self.folder / SIDECAR).exists():
            write_sidecar(self.folder, self._pairs, *self._about)
        return super().finish()


def _checked_rows(flow: Flow) -> list[tuple[str, Tensor]]:
    """Return the flow [N,2,H,W] by direction.

    Raises `InputError` for values that are not finite.
    """
    from ...engines.flow.files.values import check_known, rows_of

    rows = list(rows_of(flow).items())
    for direction, values in rows:
        cure = "look for the node before this one that ran out of its range"
        check_known(f"{direction} flow", values, cure)
    return rows


def _suffix(format: str) -> str:
    """Return the ending of what is saved in `format`; "" for a folder."""
    return ".npz" if format == "npz" else ""


def _sink(path: Path, format: str, carried: Mapping[str, str]) -> Sink:
    return (_Npz if format == "npz" else _Folder)(path, format, carried)


class SaveFlow(io.ComfyNode):
    STREAMING = Rule("sink", ("flow",), saves=Saves(_sink, suffix=_suffix, format_input="form"))
    ORDER = 210

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographSaveFlow",
            display_name="Save Flow",
            category=CATEGORY,
            **found_by("export flow, flo file, exr, kitti, motion vectors"),
            description="Writes optical flow to the output folder: one file, or a folder with one "
            "file per pair of frames.",
            is_output_node=True,
            inputs=[
                flow_input("From any node that outputs flow."),
                io.Combo.Input(
                    "form",
                    options=list(FORMATS),
                    default="npz",
                    tooltip="npz: the whole clip in one NumPy file, lossless. flo: a folder of "
                    "Middlebury files, lossless. exr: a folder for Nuke and other compositors, "
                    "lossless. kitti: a folder of 16-bit PNGs, small, in steps of 1/64 px.",
                ),
                prefix_input(
                    "kinograph/flow",
                    "Name of the file or folder in the output folder; a number is appended.",
                ),
            ],
            outputs=[],
        )

    @classmethod
    def execute(cls, flow: Flow, form: str, filename_prefix: str) -> io.NodeOutput:
        from ...engines.flow.files import write_flow

        path = host.save_path(filename_prefix, _suffix(form), flow.size)
        write_flow(flow, path, form, progress=host.progress(len(flow)))
        return io.NodeOutput(ui=Shown(str(path)))
