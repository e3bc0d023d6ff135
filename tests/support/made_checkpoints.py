"""Checkpoints of networks that have learned nothing, as small as they go."""

from dataclasses import replace
from pathlib import Path

import torch

from kinograph.engines.datasets.made_cuboids import kinds
from kinograph.engines.detect.rtdetr_pose.config import NANO, Config
from kinograph.engines.detect.rtdetr_pose.model import RTDETRPose
from kinograph.engines.models import checkpoint

TINY = replace(
    NANO,
    classes=2,
    keypoints=8,
    size=(64, 96),
    queries=6,
    stem=8,
    widths=(8, 8, 16, 16),
    hidden=16,
    heads=2,
    points=2,
    layers=1,
    feedforward=16,
)
"""For pictures of 96x64 px with two classes of cuboids."""


def write_checkpoint(path: Path, config: Config = TINY) -> Path:
    """Write a checkpoint for cuboids that finds something wherever it looks."""
    torch.manual_seed(0)
    module = RTDETRPose(config)
    with torch.no_grad():
        for name, values in module.named_parameters():
            if name.endswith("weight") and not bool(values.any()):
                values.normal_(std=0.05)  # heads that are constant would agree whatever came before
        for layer in module.decoder.classes:
            layer.weight.mul_(20)  # queries differ in how sure they are
            layer.bias[-1] = layer.bias[0] - 3
    made = kinds(config.classes)
    content = {
        "config": {
            "network": config.to_json(),
            "class_names": list(made.classes),
            "keypoint_names": list(made.keypoints),
            "skeleton": [list(pair) for pair in made.skeleton],
            "sigmas": made.sigmas.tolist(),
        },
        "step": 0,
        "weights": module.state_dict(),
        "average": {},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.save(content, path)
    return path
