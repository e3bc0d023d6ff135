"""RT-DETR-pose: boxes, 6D poses and keypoints of the classes that a checkpoint was trained for."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from ...models.model import Model
from ...models.once import once
from ...runtime.network import Network
from ..family import About, ObjectFamily
from ..labels import Labels
from ..rtdetr_pose.config import Config
from ..rtdetr_pose.decode import decode
from ..rtdetr_pose.network import network_for
from ..rtdetr_pose.weights import load_trained


@dataclass(frozen=True)
class _Described:
    """A checkpoint without its weights."""

    config: Config
    about: About


@once
def _described(path: Path) -> _Described:
    """Return what a checkpoint says of its network, whose weights were found to fit it."""
    trained = load_trained(path)
    labels = Labels(trained.classes, trained.keypoints, trained.skeleton, trained.bounds)
    config = trained.module.config
    return _Described(config, About(labels, config.queries, trained.step))


def load(path: Path) -> nn.Module:
    """Return the network of a checkpoint. Raises `ModelError` and `InputError` as `load_trained`
    does."""
    return load_trained(path).module


def network(model: Model) -> Network:
    """Return how the network of a checkpoint is run. Raises as `load_trained` does."""
    return network_for(_described(model.path).config, load)


def about(model: Model) -> About:
    """Return what a checkpoint finds. Raises as `load_trained` does."""
    return _described(model.path).about


FAMILY = ObjectFamily(
    name="rtdetr_pose",
    network=network,
    about=about,
    decode=decode,
    suffixes=(".pt",),
)
