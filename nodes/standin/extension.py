"""`ComfyExtension`: what a pack's entry point returns."""

from abc import ABC, abstractmethod

from .io import ComfyNode


class ComfyExtension(ABC):
    @abstractmethod
    async def get_node_list(self) -> list[type[ComfyNode]]: ...
