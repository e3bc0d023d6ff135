"""Engines in ComfyUI's memory management, which knows nothing but `ModelPatcher`s.

An engine is a patcher round an empty module: ComfyUI asks for its size, loads it, and takes its
memory when another model needs it or when the user unloads models.
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
    """What ComfyUI's log calls the engine."""

    def __init__(self, device: torch.device):
        super().__init__()
        self.device = device


class EnginePatcher(ModelPatcher):  # type: ignore[misc]
    """All of an engine's memory or none of it; it lives as long as the engine."""

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
        # False: ComfyUI is about to load what is loaded already, or the engine is gone.
        if unpatch_all:
            self._give_back()
        return self.model

    def _give_back(self) -> None:
        engine = self._engine()
        if engine is not None and engine.loaded:
            engine.unload()
            log.info("%s: memory given back to ComfyUI", engine.model.name)


def make_room(size: int) -> None:
    """Have ComfyUI free memory for `size` bytes on the compute device."""
    device = comfy.model_management.get_torch_device()
    if device.type != "cpu":
        comfy.model_management.free_memory(size, device)


def ready(engine: Engine) -> None:
    """Have the engine in memory, known to ComfyUI."""
    if engine.holder is None:
        engine.holder = EnginePatcher(engine)
    comfy.model_management.load_models_gpu([engine.holder])
