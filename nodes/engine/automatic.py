"""Engines for nodes that build their own, with what a beginner need not choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engines.models.model import Model
from ...engines.models.registry import resolve
from ..api import host
from .build import BuildEngine

if TYPE_CHECKING:
    from ...engines.runtime.engine import Engine


def automatic_engine(model: Model) -> Engine:
    """Return a model on the best backend of this machine, as Build Engine gives it by default."""
    built: Engine = BuildEngine.execute(
        model, backend="auto", precision="auto", max_batch=16, min_size=128, max_size=1024
    ).args[0]
    return built


def included_engine(name: str) -> Engine:
    """Return `automatic_engine` of an included model of the registry."""
    return automatic_engine(resolve(name, folder=host.models_folder()))
