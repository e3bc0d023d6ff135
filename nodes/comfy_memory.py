"""Engines in ComfyUI's memory management, which handles only `ModelPatcher`s.

An engine becomes a patcher around an empty module: ComfyUI asks for its size, loads it, and frees
its memory when another model needs it or the user unloads models.
"""

import logging
import weakref
from typing import Any

import comfy.model_management
import torch
from comfy.model_patcher import ModelPatcher

from ..engines.runtime.engine import Engine

log = logging.getLogger("kinograph")


class KinographEngine(torch.nn.Module):
    """An empty module, whose class name ComfyUI's log shows."""

    def __init__(self, device: torch.device):
        super().__init__()
        self.device = device


class EnginePatcher(ModelPatcher):  # type: ignore[misc]
    """Loads or unloads an engine as a whole; it lives as long as the engine."""

    def __init__(self, engine: Engine):
        offload = torch.device("cpu")
        super().__init__(KinographEngine(offload), engine.device, offload, size=engine.bytes)
        self._engine = weakref.ref(engine)

    def model_size(self) -> int:
        engine = self._engine()
        return 0 if engine is None else engine.bytes

    def loaded_size(self) -> int:
        engine = self._engine()
        return engine.bytes if engine is not None and engine.loaded else 0

    def current_loaded_device(self) -> Any:
        return self.load_device if self.loaded_size() else self.offload_device

    def partially_load(self, device_to: Any, *arguments: Any, **options: Any) -> int:
        engine = self._engine()
        if engine is None or engine.loaded:
            return 0
        engine.load()
        return engine.bytes

    def partially_unload(self, device_to: Any, *arguments: Any, **options: Any) -> int:
        freed = self.loaded_size()
        self._give_back()
        return freed

    def detach(self, unpatch_all: bool = True) -> Any:
        # False if ComfyUI is about to load what is loaded already, or if the engine is gone.
        if unpatch_all:
            self._give_back()
        return self.model

    def _give_back(self) -> None:
        engine = self._engine()
        if engine is not None and engine.loaded:
            engine.unload()
            log.info("%s: memory given back to ComfyUI", engine.model.name)


def make_room(size: int) -> None:
    """Have ComfyUI free `size` bytes on the compute device."""
    device = comfy.model_management.get_torch_device()
    if device.type != "cpu":
        comfy.model_management.free_memory(size, device)


def ready(engine: Engine) -> None:
    """Load the engine into memory through ComfyUI, which may unload it later."""
    if engine.holder is None:
        engine.holder = EnginePatcher(engine)
    comfy.model_management.load_models_gpu([engine.holder])


def core_model(module: torch.nn.Module) -> ModelPatcher:
    """Return a module as ComfyUI's own nodes take models. It must not hold weights: those of an
    engine are loaded through `ready`."""
    device = comfy.model_management.get_torch_device()
    return ModelPatcher(module.eval(), device, comfy.model_management.unet_offload_device())
