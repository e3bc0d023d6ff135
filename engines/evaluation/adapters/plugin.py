"""The adapters for programs that find them as entry points of the group `yolozu.adapters.v1`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...document import Value


class Plugin:
    """Makes adapters: of a checkpoint, or of a file of predictions."""

    adapter_id = "kinograph_rtdetr_pose"
    interface_version = 1
    summary = "Objects with 6D poses and keypoints, found by a network of Kinograph."
    capabilities: Mapping[str, Any] = {
        "tasks": ["object_detection", "keypoints", "pose_6d"],
        "network_required": False,
        "model_inference": True,
    }

    def create(self, config: Mapping[str, Any]) -> Any:
        """Return an adapter.

        config: `predictions`, a file; or `checkpoint` and perhaps `backend`, `device`, `precision`,
                `score_threshold`, `max_detections` and `batch_size`

        Raises `InputError` for a configuration with neither, and as the adapters do.
        """
        value = Value(dict(config), "config")
        predictions = value.member("predictions")
        if predictions is not None:
            from .precomputed import PrecomputedAdapter

            return PrecomputedAdapter(Path(predictions.text()))
        from ...detect.rtdetr_pose.decode import MOST, SCORE
        from ...detect.rtdetr_pose.own import trained_model
        from .network import Limits, NetworkAdapter

        checkpoint = Path(value.needed("checkpoint").text())

        def text(key: str) -> str:
            found = value.member(key)
            return "auto" if found is None else found.text()

        score, most, batch = map(value.member, ("score_threshold", "max_detections", "batch_size"))
        limits = Limits(
            SCORE if score is None else score.number(0, 1),
            MOST if most is None else most.whole(1, 10_000),
        )
        return NetworkAdapter.open(
            trained_model(checkpoint),
            backend=text("backend"),
            device=text("device"),
            precision=text("precision"),
            limits=limits,
            batch=16 if batch is None else batch.whole(1, 4096),
        )
