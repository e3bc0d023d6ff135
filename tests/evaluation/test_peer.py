"""YOLOZU as a test suite: its validator and its adapter protocol take ours, and its evaluators find
the same figures in the same files."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from yolozu.adapter_sdk import check_adapter_plugin, run_adapter_conformance
from yolozu.eval.coco_eval import (
    build_coco_ground_truth,
    evaluate_coco_map,
    predictions_to_coco_detections,
)
from yolozu.eval.coco_keypoints_eval import (
    build_coco_keypoints_ground_truth,
    evaluate_coco_oks_map,
    predictions_to_coco_keypoints,
)
from yolozu.eval.keypoints_eval import evaluate_keypoints_pck
from yolozu.eval.pose_eval import evaluate_pose

from kinograph.engines.datasets.records import Records
from kinograph.engines.detect.files.predictions import wrapped
from kinograph.engines.evaluation.adapters.plugin import Plugin
from kinograph.engines.evaluation.judge.judgement import contract_figures
from kinograph.engines.evaluation.objects import judge_predictions
from made_predictions import Entries, changed, turned, write


@pytest.fixture(scope="module")
def worse(right: Entries) -> Entries:
    """Predictions that are wrong in every way, some detections missing and some too many."""
    random = np.random.default_rng(0)

    def harm(found: dict[str, Any]) -> None:
        turned(found, float(random.normal(0, 20)))
        found["log_z"] += float(random.normal(0, 0.05))
        found["k_delta"] = random.normal(0, 0.01, 4).tolist()
        found["offsets"] = (np.array(found["offsets"]) + random.normal(0, 2, 2)).tolist()
        noise = random.normal(0, 0.03, 24) * np.tile([1, 1, 0], 8)
        found["keypoints"] = np.clip(np.array(found["keypoints"]) + noise, 0, 1).tolist()
        for key in ("w", "h"):
            found["bbox"][key] = min(1.0, found["bbox"][key] * float(random.uniform(0.8, 1.2)))
        found["score"] = float(random.uniform(0.3, 1))

    entries = changed(right, harm)
    entries[0]["detections"] = []
    entries[1]["detections"].append(
        {**entries[1]["detections"][0], "bbox": {"cx": 0.2, "cy": 0.2, "w": 0.2, "h": 0.1}}
    )
    return entries


def records_of(data: Records) -> list[dict[str, Any]]:
    """Return the data set as the peer holds it; nothing here is symmetric."""
    return [
        {
            "image": str(record.image),
            "labels": [
                {
                    "class_id": int(record.classes[n]),
                    **dict(zip(("cx", "cy", "w", "h"), record.boxes[n].tolist(), strict=True)),
                    "keypoints": [
                        dict(zip("xyv", joint, strict=True))
                        for joint in record.keypoints[n].tolist()
                    ],
                }
                for n in range(len(record))
            ],
            "R_gt": record.rotation.tolist() if record.rotation is not None else None,
            "t_gt": record.translation.tolist() if record.translation is not None else None,
            "cad_points": [points.tolist() for points in record.cad_points],
        }
        for record in data.images
    ]


def exact(data: Records) -> Records:
    """Return the same with rotations that are such to the last bit.

    The peer takes the angle from the trace, which turns what rounding to float32 adds into up to a
    thousandth of a degree.
    """
    images = []
    for record in data.images:
        assert record.rotation is not None
        left, _, right = np.linalg.svd(record.rotation)
        images.append(replace(record, rotation=left @ right))
    return replace(data, images=tuple(images))


def test_its_evaluators_find_the_same_figures(
    data: Records, worse: Entries, tmp_path: Path
) -> None:
    data = exact(data)
    ours = contract_figures(judge_predictions(write(worse, tmp_path / "p.json"), data))
    records = records_of(data)
    pose = evaluate_pose(records, worse)
    assert pose.warnings == []
    assert ours["pose"]["counts"] == pose.counts
    assert pose.counts["matches"] < pose.counts["gt_instances"]
    assert ours["pose"]["metrics"] == pytest.approx(pose.metrics, abs=1e-6)
    sizes = {number + 1: (96, 64) for number in range(len(records))}
    truth, index = build_coco_ground_truth(records)
    told = predictions_to_coco_detections(worse, coco_index=index, image_sizes=sizes)
    theirs = evaluate_coco_map(truth, told, quiet=True)["metrics"]
    assert 0.2 < theirs["map50_95"] < 0.9
    assert ours["coco"]["metrics"] == pytest.approx(theirs, abs=1e-6)
    truth, joints = build_coco_keypoints_ground_truth(records)
    told = predictions_to_coco_keypoints(worse, coco_index=joints, image_sizes=sizes)
    sigmas = data.kinds.sigmas.tolist()
    oks = evaluate_coco_oks_map(truth, told, sigmas=sigmas)["metrics"]
    pck = evaluate_keypoints_pck(
        records=records,
        predictions_index={entry["image"]: entry["detections"] for entry in worse},
    )["metrics"]
    assert 0.1 < oks["oks_map50_95"] < 1
    assert 0.5 < pck["pck"] < 1
    both = {**oks, **pck}
    mine = ours["keypoints"]["metrics"]
    assert mine == pytest.approx({name: both[name] for name in mine}, abs=1e-6)


def test_its_strict_validator_takes_our_files(worse: Entries, tmp_path: Path) -> None:
    path = write(wrapped(worse, config="c", checkpoint="a.pt"), tmp_path / "p.json")
    command = [sys.executable, "-m", "yolozu", "validate", "predictions", str(path)]
    ended = subprocess.run([*command, "--strict", "--json"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert json.loads(ended.stdout)["ok"] is True


def test_its_adapter_protocol_takes_ours(tmp_path: Path, worse: Entries) -> None:
    plugin = check_adapter_plugin(Plugin())
    entries = [{**worse[1], "image": "sample/adapter_sample.ppm"}, worse[2]]
    adapter = plugin.create({"predictions": str(write(entries, tmp_path / "p.json"))})
    result = run_adapter_conformance(adapter, adapter_id=plugin.adapter_id)
    assert result.ok
    assert result.detection_count == len(worse[1]["detections"])
