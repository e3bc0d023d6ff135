"""Save Predictions: writes detections to a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.files import atomic_write
from ..api import host, io
from ..pose.json_list import JsonList
from ..search import found_by
from ..show import Shown
from ..streaming import Rule, Saves, Sink, Values
from ..widgets import prefix_input
from . import CATEGORY
from .outputs import detections_input

if TYPE_CHECKING:
    from ...engines.detect.objects import Objects


class _Predictions(JsonList):
    def document(self, values: Values) -> tuple[Any, str]:
        from ...engines.detect.files.frames import LIST, frame_names, to_predictions

        objects: Objects = values["detections"]
        first = self.frame_count
        self.frame_count += len(objects)
        return to_predictions(objects, frame_names(first, len(objects))), LIST


def _sink(path: Path, format: str, carried: Mapping[str, str]) -> Sink:
    return _Predictions(path, format, carried)


class SavePredictions(io.ComfyNode):
    STREAMING = Rule("sink", ("detections",), saves=Saves(_sink, suffix=".json"))
    ORDER = 730

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographSavePredictions",
            display_name="Save Predictions",
            category=CATEGORY,
            **found_by("save detections, export boxes json, predictions json, yolozu"),
            description="Writes detections to the output folder as JSON: predictions as YOLOZU's "
            "tools and the commands kinograph rtdetr read them, with the names of the classes.",
            is_output_node=True,
            inputs=[detections_input(), prefix_input("kinograph/predictions")],
            outputs=[],
        )

    @classmethod
    def execute(cls, detections: Objects, filename_prefix: str) -> io.NodeOutput:
        from ...engines.detect.files.frames import to_predictions
        from ...engines.document import dump

        path = host.save_path(filename_prefix, ".json", detections.canvas)
        content = to_predictions(detections)
        with atomic_write(path) as aside:
            dump(content, aside)
        return io.NodeOutput(ui=Shown(str(path)))
