"""Load Predictions: detections from a file instead of a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ...engines.words import counted
from ..api import host, io
from ..inputs import last_change
from ..search import found_by
from ..show import Shown
from ..streaming import Outputs, Rule, Step
from ..widgets import file_input
from . import CATEGORY
from .outputs import detection_outputs, detection_values

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.detect.objects import Objects


class _Step(Step):
    """Gives the file's objects of the frames that come."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._objects: Objects | None = None
        self._at = 0

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        image: Tensor = inputs["image"]
        start, self._at = self._at, self._at + len(image)
        objects = self._read(inputs, (image.shape[1], image.shape[2]))
        if self._at > len(objects):
            raise _too_few(inputs["file"], len(objects))
        self.text = _in_words(objects.slice(0, self._at))
        return detection_values(objects.slice(start, self._at))

    def finish(self, inputs: Mapping[str, Any]) -> None:
        if self._objects is not None and len(self._objects) > self._at:
            raise InputError(
                f"{inputs['file']}: expected {counted(self._at, 'image')}, as many as frames, "
                f"found {len(self._objects)}"
            )

    def _read(self, inputs: Mapping[str, Any], canvas: tuple[int, int]) -> Objects:
        from ...engines.detect.files.frames import read_frames

        if self._objects is None:
            path = host.input_path(inputs["file"].strip())
            classes = inputs.get("class_names", "")
            self._objects = read_frames(path, canvas=canvas, classes=classes)
        return self._objects

    @property
    def state(self) -> Any:
        return self._at

    @state.setter
    def state(self, value: Any) -> None:
        self._at = value


class LoadPredictions(io.ComfyNode):
    STREAMING = Rule("long", ("image",), step=_Step)
    ORDER = 740

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadPredictions",
            display_name="Load Predictions",
            category=CATEGORY,
            **found_by("load detections, import boxes json, predictions json, yolozu"),
            description="Reads detections from a file of predictions instead of running a network: "
            "from Save Predictions, the command kinograph rtdetr predict or YOLOZU's tools.",
            inputs=[
                file_input(),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The frames, in the order of the file's images: what was detected is "
                    "brought to their size. Not connected: pixels are those of the file.",
                ),
                io.String.Input(
                    "class_names",
                    default="",
                    optional=True,
                    tooltip="Names of the classes with commas between, from number 0 on, for files "
                    "without them.",
                ),
            ],
            outputs=detection_outputs(),
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "", **values: Any) -> float:
        return last_change(file)

    @classmethod
    def execute(
        cls, file: str, image: Tensor | None = None, class_names: str = ""
    ) -> io.NodeOutput:
        from ...engines.checks import check_frames
        from ...engines.detect.files.frames import read_frames

        canvas = frames = None
        if image is not None:
            check_frames("image", image)
            frames, canvas = image.shape[0], (image.shape[1], image.shape[2])
        path = host.input_path(file.strip())
        objects = read_frames(path, canvas=canvas, frames=frames, classes=class_names)
        return io.NodeOutput(*detection_values(objects), ui=Shown(_in_words(objects)))


def _too_few(file: str, there: int) -> InputError:
    return InputError(
        f"{file}: expected an image for every frame, found {there} and more frames than that; "
        "connect the frames that the predictions are of"
    )


def _in_words(objects: Objects) -> str:
    high, wide = objects.canvas
    text = f"{counted(len(objects), 'frame')} of {wide}x{high}, "
    text += counted(int(objects.count.sum()), "object")
    return text if objects.rotation is not None else f"{text}, without poses in space"
