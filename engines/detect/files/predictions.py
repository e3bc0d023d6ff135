"""Predictions as JSON: for each image a list of detections, as the network says them.

Boxes are cx, cy, w, h as parts of the image; offsets are px of the network's input, to which the
intrinsics are scaled; `rot6d` are the first two rows of the rotation; keypoints are x, y, v.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...errors import InputError
from ...geometry.placement import Size
from ..rtdetr_pose.decode import MOST, SCORE, check_limits, scores_of

_ROWS = ("log_z", "rot6d", "offsets", "log_sigma_z", "log_sigma_rot")
_SINGLE = {"log_z", "log_sigma_z", "log_sigma_rot"}  # numbers, not lists of one
ADAPTER = "rtdetr_pose"


def entries_of(
    outputs: Mapping[str, Tensor],
    names: Sequence[str],
    size: Size,
    *,
    intrinsics: Sequence[Tensor | None] = (),
    threshold: float = SCORE,
    most: int = MOST,
) -> list[dict[str, Any]]:
    """Return the entries of images, detections with the highest score first.

    outputs:    of the network, [B,Q,...]
    names:      of the B images
    size:       height and width of the network's input
    intrinsics: [4] fx, fy, cx, cy in px of that input for each image; () for none

    Raises `InputError` that names image and head for outputs that are not finite, and for a
    threshold or a number out of range.
    """
    check_limits(threshold, most)
    for name, values in outputs.items():
        bad = ~values.isfinite().flatten(1).all(1)
        if bool(bad.any()):
            image = names[int(bad.nonzero()[0])]
            raise InputError(
                f"image {image}: {name}: found NaN or infinity, which is no prediction"
            )
    scores, classes = scores_of(outputs["logits"])
    ranked, order = scores.sort(dim=1, descending=True, stable=True)
    row = torch.arange(len(order), device=order.device)[:, None]
    order, likely = order[:, :most], ranked[:, :most].tolist()
    columns = {"class_id": classes, "bbox": outputs["bbox"].float().sigmoid()}
    columns |= {name: outputs[name] for name in _ROWS if name in outputs}
    points = _points(outputs, scores)
    columns |= {} if points is None else {"keypoints": points.flatten(2)}
    listed = {name: values[row, order].tolist() for name, values in columns.items()}
    changes = outputs["k_delta"].tolist()
    entries = []
    for number, image in enumerate(names):
        detections = []
        for place, score in enumerate(likely[number]):
            if score <= threshold:
                break
            told = {name: values[number][place] for name, values in listed.items()}
            told["bbox"] = dict(zip(("cx", "cy", "w", "h"), told["bbox"], strict=True))
            for name in _SINGLE & told.keys():
                told[name] = told[name][0]
            detections.append({**told, "score": score, "k_delta": changes[number]})
        entry: dict[str, Any] = {
            "image": image,
            "detections": detections,
            "image_size": {"width": size[1], "height": size[0]},
        }
        camera = intrinsics[number] if len(intrinsics) else None
        if camera is not None:
            entry["intrinsics"] = dict(zip(("fx", "fy", "cx", "cy"), camera.tolist(), strict=True))
        entries.append(entry)
    return entries


def _points(outputs: Mapping[str, Tensor], scores: Tensor) -> Tensor | None:
    """Return [B,Q,K,3] x, y and how sure the network is of each keypoint."""
    if "keypoints" not in outputs:
        return None
    points = outputs["keypoints"].float()
    sure = outputs.get("keypoint_scores")
    sure = scores[..., None].expand(points.shape[:3]) if sure is None else sure.float()
    return torch.cat([points, sure[..., None]], -1)


def wrapped(
    entries: Sequence[Mapping[str, Any]], *, config: str, checkpoint: str | None
) -> dict[str, Any]:
    """Return entries with how they came about, in the form that validators of the format ask for.

    config:     what describes the network
    checkpoint: the file of its weights
    """
    return {
        "schema_version": 1,
        "predictions": list(entries),
        "meta": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "adapter": ADAPTER,
            "config": config,
            "checkpoint": checkpoint,
            "images": len(entries),
            # Augmentation and training at test time, which there is none of.
            "tta": {
                "enabled": False,
                "seed": None,
                "flip_prob": 0.0,
                "norm_only": False,
                "warnings": [],
                "summary": None,
            },
            "ttt": {
                "enabled": False,
                "method": "none",
                "steps": 0,
                "batch_size": 1,
                "lr": 0.0,
                "update_filter": "none",
                "include": None,
                "exclude": None,
                "max_batches": 0,
                "seed": None,
                "mim": {"mask_prob": 0.0, "patch_size": 1, "mask_value": 0.0},
                "report": None,
            },
        },
    }
