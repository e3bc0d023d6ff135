"""Objects with everything that they can have, and a detector that has learnt nothing."""

from pathlib import Path

import torch

from kinograph.engines.detect.labels import Labels
from kinograph.engines.detect.objects import Objects
from kinograph.engines.detect.rtdetr_pose.config import Config
from kinograph.engines.detect.rtdetr_pose.model import RTDETRPose
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.geometry.rotations import exp_map, to_matrices
from kinograph.engines.models import checkpoint

SIZE = (96, 128)
LABELS = Labels(
    classes=("cup", "book"),
    keypoints=("left", "middle", "right"),
    skeleton=((0, 1), (1, 2)),
    bounds=(((-0.1, -0.15, -0.2), (0.1, 0.15, 0.2)), None),
)


def made_objects(frames: int = 3) -> Objects:
    """Return two objects that turn, a cup and, but in the last frame, a book behind it."""
    camera = Camera.of_field_of_view(SIZE, 50.0, axes="y_down")
    time = torch.arange(frames).float()
    vectors = torch.stack([torch.tensor([0.4, 0.9, 0.2]), torch.tensor([-0.3, 0.5, 1.1])])
    rotation = to_matrices(exp_map(vectors + 0.3 * time[:, None, None]))
    place = torch.tensor([[-0.25, 0.05, 1.2], [0.3, -0.1, 1.6]]) + 0.02 * time[:, None, None]
    seen = place[..., :2] / place[..., 2:] * camera.fx + torch.tensor(SIZE[::-1]) / 2
    half = torch.tensor([[22.0, 24.0], [14.0, 17.0]])
    count = torch.full((frames,), 2)
    count[-1] = 1
    there = (torch.arange(2) < count[:, None]).float()
    joints = seen[:, :, None] + torch.tensor([[-9.0, 3.0], [0.0, -4.0], [8.0, 5.0]])
    return Objects(
        boxes=torch.cat([seen - half, seen + half], -1) * there[..., None],
        scores=torch.tensor([0.93, 0.61]) * there,
        classes=torch.tensor([0, 1]) * there.long(),
        count=count,
        canvas=SIZE,
        keypoints=joints * there[..., None, None],
        confidence=torch.tensor([0.9, 0.0, 0.8]) * there[..., None],
        rotation=rotation * there[..., None, None],
        translation=place * there[..., None],
        camera=camera,
        labels=LABELS,
    )


def write_detector(path: Path, *, labels: Labels = LABELS, seed: int = 1) -> Path:
    """Write a checkpoint of a small network with random weights; return `path`.

    With this seed it takes noise for objects of both classes.
    """
    config = Config(
        classes=len(labels.classes), keypoints=len(labels.keypoints), hidden=32, feedforward=32
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = RTDETRPose(config)
    about = {
        "network": config.to_json(),
        "class_names": list(labels.classes),
        "keypoint_names": list(labels.keypoints),
        "skeleton": [list(pair) for pair in labels.skeleton],
        "bounds": [b and [list(b[0]), list(b[1])] for b in labels.bounds],
    }
    if not labels.bounds:
        del about["bounds"]
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.save(
        {"config": about, "step": 7, "weights": module.state_dict(), "average": {}}, path
    )
    return path
