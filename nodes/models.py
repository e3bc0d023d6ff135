"""What nodes that load a model share: menus of networks, and the model that was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..engines.models.registry import registry, resolve
from .api import host, io
from .types import KinoModel

if TYPE_CHECKING:
    from ..engines.models.model import Model


def model_input(task: str, tooltip: str, *, default: str = "") -> Any:
    """Return the menu of the registry's networks of a task.

    default: its name; empty: the first
    """
    names = [entry.name for entry in registry().values() if entry.task == task]
    return io.Combo.Input("model", options=names, default=default or names[0], tooltip=tooltip)


def family_input(families: Sequence[str], tooltip: str, *, default: str = "") -> Any:
    """Return the menu of the families that a file of the user's own may belong to.

    default: its name; empty: the first
    """
    return io.Combo.Input(
        "family", options=list(families), default=default or families[0], tooltip=tooltip
    )


def model_output() -> Any:
    """Return the output for the model."""
    return KinoModel.Output(display_name="model", tooltip="For Build Engine.")


def model_named(name: str, *, accept: bool = False) -> Model:
    """Return a model of the registry, downloaded if it has to be.

    accept: whether the user accepts its licence terms, if it has any
    """
    return resolve(name, folder=host.models_folder(), accept=accept, progress=host.downloading)


def model_of_file(family: str, file: str) -> Model:
    """Return the model of a file in the models folder. Raises `ModelError` if there is none."""
    return resolve(f"{family}:{file.strip()}", folder=host.models_folder())
