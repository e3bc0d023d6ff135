"""A trained network from its checkpoint."""

from dataclasses import dataclass
from pathlib import Path

from ...document import Value
from ...models import checkpoint
from ..labels import Bounds, bounds_in
from .config import Config
from .model import RTDETRPose


@dataclass(frozen=True)
class Trained:
    """A network to predict with, in evaluation mode on the CPU.

    classes, keypoints: names, in the order of their numbers
    skeleton: pairs of keypoints, from 0
    bounds:   least and greatest x, y, z in m of each class's shape; () in checkpoints without
    step:     after which it was stored
    """

    module: RTDETRPose
    classes: tuple[str, ...]
    keypoints: tuple[str, ...]
    skeleton: tuple[tuple[int, int], ...]
    bounds: tuple[Bounds | None, ...]
    step: int


def load_trained(path: Path) -> Trained:
    """Load a checkpoint: the averaged weights, where there are any.

    Raises `ModelError` for what is no checkpoint and for weights that do not fit the network that
    it describes, `InputError` for a malformed description.
    """
    content = checkpoint.load(path)
    about = Value(checkpoint.member(content, "config", dict, str(path)), f"{path}: config")
    config = Config.from_json(about.needed("network").raw, str(path))
    classes = tuple(name.text() for name in about.needed("class_names").entries("names"))
    keypoints = tuple(name.text() for name in about.needed("keypoint_names").entries("names"))
    for what, names, count in (
        ("class_names", classes, config.classes),
        ("keypoint_names", keypoints, config.keypoints),
    ):
        if len(names) != count:
            raise about.needed(what).wrong(f"{count} names, as the network has", str(len(names)))
    lines = about.needed("skeleton").entries("pairs of keypoints")
    most = max(0, config.keypoints - 1)
    pairs = [[end.whole(0, most) for end in pair.entries("two keypoints")] for pair in lines]
    if any(len(pair) != 2 for pair in pairs):
        raise about.needed("skeleton").wrong("pairs of keypoints")
    weights = checkpoint.member(content, "average", dict, str(path))
    weights = weights or checkpoint.member(content, "weights", dict, str(path))
    module = RTDETRPose(config)
    checkpoint.load_weights(module, weights, str(path))
    return Trained(
        module=module.eval(),
        classes=classes,
        keypoints=keypoints,
        skeleton=tuple((pair[0], pair[1]) for pair in pairs),
        bounds=bounds_in(about, config.classes),
        step=checkpoint.member(content, "step", int, str(path)),
    )
