"""A checkpoint as a model that every backend can run."""

from dataclasses import dataclass
from pathlib import Path

from ...files import sha256_of
from ...models.entry import WEIGHTS, Asset, ModelEntry
from ...models.model import Model
from ...runtime.network import Network
from .model import RTDETRPose
from .network import NAME, network_for
from .weights import Trained, load_trained


@dataclass(frozen=True)
class TrainedModel:
    """A checkpoint, as what the runtime builds engines of."""

    trained: Trained
    model: Model
    network: Network


def trained_model(path: Path) -> TrainedModel:
    """Return the model of a checkpoint.

    Raises `ModelError` and `InputError` as `load_trained` does.
    """
    trained = load_trained(path)
    config = trained.module.config
    entry = ModelEntry(
        name=f"{NAME}:{path.name}",
        title=f"{path.name}, your own {NAME}",
        task="objects",
        family=NAME,
        licence="as its author says",
        source="a training",
        recommended_size=max(config.size),
        files=(Asset(WEIGHTS, path.name, sha256=sha256_of(path)),),
    )
    return TrainedModel(trained, Model.of_file(entry, path), network_for(config, load_module))


def load_module(path: Path) -> RTDETRPose:
    """Return the network of a checkpoint, in evaluation mode; raises as `load_trained` does."""
    return load_trained(path).module
