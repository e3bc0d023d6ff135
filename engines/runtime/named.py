"""Engines of models by their names, for commands that measure."""

from ..models.registry import resolve
from .engine import Engine, build_engine
from .network import network_of


def engine_named(
    name: str,
    *,
    device: str = "auto",
    backend: str = "auto",
    precision: str = "auto",
    max_batch: int = 16,
) -> Engine:
    """Return an engine of the model `name`; `resolve` says which names there are, `build_engine`
    what else can be asked for.

    Raises what these raise.
    """
    model = resolve(name)
    return build_engine(
        model,
        network_of(model),
        device=device,
        backend=backend,
        precision=precision,
        max_batch=max_batch,
    )
