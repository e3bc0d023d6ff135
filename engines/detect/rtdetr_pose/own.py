"""A checkpoint as a model that every backend can run."""

from dataclasses import dataclass
from pathlib import Path

from ...files import sha256_of
from ...models.model import Model
from ...models.registry import own
from ...runtime.network import Network, network_of
from .network import NAME
from .weights import Trained, load_trained


@dataclass(frozen=True)
class TrainedModel:
    """A checkpoint, as what the runtime builds engines of."""

    trained: Trained
    model: Model
    network: Network


def trained_model(path: Path) -> TrainedModel:
    """Return the model of a checkpoint, wherever it is.

    Raises `ModelError` for a file with another ending than checkpoints have, and as `load_trained`
    does, `InputError` as that does.
    """
    trained = load_trained(path)
    entry = own(NAME, path.name).with_file(path.name, sha256=sha256_of(path))
    model = Model.of_file(entry, path)
    return TrainedModel(trained, model, network_of(model))
