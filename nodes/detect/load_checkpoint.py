"""Load RT-DETR Checkpoint: takes a detector of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.words import counted, enumerated
from ..api import host, io
from ..models import model_output
from ..search import found_by
from ..show import Shown
from ..streaming import ONCE
from . import CATEGORY

if TYPE_CHECKING:
    from ...engines.models.model import Model

FILE = "checkpoint.pt"  # of a run
_FAMILY = "rtdetr_pose"


def checkpoint_in(folder: Path, name: str) -> Model:
    """Return the model of a checkpoint in a folder of the host's.

    Raises `ModelError` if there is none, and for a name that leads out of the folder.
    """
    from ...engines.models.registry import resolve

    return resolve(f"{_FAMILY}:{name}", folder=folder)


def _found(file: str) -> tuple[Path, str]:
    """Return the folder that holds a checkpoint, and its name there; the first folder if none
    does."""
    name = file.strip().replace("\\", "/").rstrip("/")
    folders = host.checkpoint_folders()
    for folder in folders:
        for found in (name, f"{name}/{FILE}"):
            if name and "\0" not in name and (folder / found).is_file():
                return folder, found
    return folders[0], name


def in_words(model: Model) -> str:
    """Return what a checkpoint finds."""
    from ...engines.detect.family import object_family
    from ...engines.runtime.network import network_of

    about = object_family(model).about(model)
    high, wide = network_of(model).fixed or (0, 0)
    kinds = about.labels.classes
    text = f"{counted(len(kinds), 'class', 'classes')}: {enumerated(kinds)}; "
    if about.labels.keypoints:
        text += f"{counted(len(about.labels.keypoints), 'keypoint')}; "
    text += f"sees {wide}x{high}, at most {counted(about.most, 'object')} per frame"
    return f"{text}; trained for {counted(about.step, 'step')}"


class LoadRTDETRCheckpoint(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 700

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadRTDETRCheckpoint",
            display_name="Load RT-DETR Checkpoint",
            category=CATEGORY,
            **found_by("rt-detr, rtdetr pose, object detector, 6d pose model, load detector"),
            description="Loads a detector that Train RT-DETR or the command kinograph rtdetr train "
            "has made. A file that holds no whole network is rejected with what is wrong.",
            inputs=[
                io.String.Input(
                    "file",
                    default="",
                    tooltip="Name of a .pt file in the folder kinograph of ComfyUI's models "
                    "folder, or of a run's folder in the output folder, as Train RT-DETR gives it.",
                )
            ],
            outputs=[model_output()],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "", **values: Any) -> float:
        try:
            folder, name = _found(file)
            return (folder / name).stat().st_mtime
        except (OSError, ValueError, AttributeError):  # the file is linked, or is not there
            return 0.0

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        model = checkpoint_in(*_found(file))
        return io.NodeOutput(model, ui=Shown(in_words(model)))
