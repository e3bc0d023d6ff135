"""Model families: which module holds a family's network and its pre- and post-processing."""

from importlib import import_module

from .errors import ModelError
from .models.registry import Model
from .runtime.network import Network

# family -> module and the name of its network there
_NETWORKS = {
    "movenet": (".pose.movenet", "NETWORK"),
    "raft_small": (".flow.raft", "SMALL"),
    "raft_large": (".flow.raft", "LARGE"),
}


def network_of(model: Model) -> Network:
    """The network of `model`'s family."""
    family = model.entry.family
    if family not in _NETWORKS:
        raise ModelError(f"model {model.name}: unknown family {family!r}")
    module, name = _NETWORKS[family]
    network: Network = getattr(import_module(module, __package__), name)
    return network
