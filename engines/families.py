"""Model families: which module holds a family's network and its pre- and post-processing."""

from importlib import import_module

from .errors import ModelError
from .models.registry import Model
from .runtime.network import Network

_MODULES = {"movenet": ".pose.movenet"}


def network_of(model: Model) -> Network:
    """The network of `model`'s family."""
    family = model.entry.family
    if family not in _MODULES:
        raise ModelError(f"model {model.name}: unknown family {family!r}")
    network: Network = import_module(_MODULES[family], __package__).NETWORK
    return network
