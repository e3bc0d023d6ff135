"""Evaluate Predictions: compares detections with the labels of a data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ..api import host, io
from ..inputs import last_change
from ..search import found_by
from ..show import Shown
from ..streaming import Rule, always
from ..types import KinoDetections
from . import CATEGORY

if TYPE_CHECKING:
    from ...engines.detect.objects import Objects


class EvaluatePredictions(io.ComfyNode):
    STREAMING = Rule(
        "whole", ("detections",), whole=always("all images of a data set are judged at once")
    )
    ORDER = 750

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographEvaluatePredictions",
            display_name="Evaluate Predictions",
            category=CATEGORY,
            **found_by("map, average precision, coco eval, pose error, add metric, benchmark"),
            description="Reports how well objects were found: average precision of boxes, and the "
            "errors of rotations and places. Objects that were missed count as failures.",
            is_output_node=True,
            inputs=[
                io.String.Input(
                    "dataset",
                    default="",
                    tooltip="Name of the data set's folder in the input folder, with images, "
                    "labels and dataset.json.",
                ),
                io.String.Input(
                    "split",
                    default="val",
                    tooltip="Which of its images: a folder in images and in labels.",
                ),
                io.String.Input(
                    "file",
                    default="",
                    tooltip="Name of a file of predictions for these images in the input folder, "
                    "from kinograph rtdetr predict or YOLOZU's tools. Not used if detections are "
                    "connected.",
                ),
                KinoDetections.Input(
                    "detections",
                    optional=True,
                    tooltip="What was detected in the images of the split, in the order of their "
                    "names.",
                ),
            ],
            outputs=[
                io.String.Output(
                    display_name="report",
                    tooltip="Everything as JSON: figures, data set, thresholds, versions, machine.",
                ),
                io.String.Output(display_name="table", tooltip="The figures, one per line."),
            ],
        )

    @classmethod
    def fingerprint_inputs(
        cls, dataset: str = "", file: str = "", **values: Any
    ) -> tuple[float, float]:
        return last_change(dataset), last_change(file)

    @classmethod
    def execute(
        cls, dataset: str, split: str, file: str, detections: Objects | None = None
    ) -> io.NodeOutput:
        from ...engines.evaluation.detections import evaluate_detections, figures_table
        from ...engines.evaluation.objects import evaluate_predictions

        root = host.input_path(dataset.strip(), Path.is_dir)
        if detections is not None:
            report = evaluate_detections(detections, root, split)
        elif file.strip():
            report = evaluate_predictions(host.input_path(file.strip()), root, split)
        else:
            raise InputError(
                "detections: expected detections or a file of predictions, found neither; connect "
                "detections, or name a file"
            )
        table = figures_table(report)
        return io.NodeOutput(json.dumps(report, indent=2), table, ui=Shown(table))
