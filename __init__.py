"""Kinograph: video to motion conditioning (poses, optical flow) for VACE and ControlNet models.

ComfyUI imports this file by its folder and calls `comfy_entrypoint`; as an installed package it
is `kinograph`, with the command of that name and what programs use. Nothing heavy is imported until
a node or one of those is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .engines.programs.flow import OpticalFlowTensorRTPreprocessor
    from .engines.programs.pose import PoseTensorRTPreprocessor
    from .nodes.api import ComfyExtension

__all__ = [
    "WEB_DIRECTORY",
    "OpticalFlowTensorRTPreprocessor",
    "PoseTensorRTPreprocessor",
    "__version__",
    "comfy_entrypoint",
]

__version__ = "0.1.0"

WEB_DIRECTORY = "./nodes/web"


async def comfy_entrypoint() -> ComfyExtension:
    """ComfyUI's way to the nodes of this pack."""
    from .nodes.extension import KinographExtension

    return KinographExtension()


# What programs use -> where it is defined.
_LAZY = {
    "OpticalFlowTensorRTPreprocessor": ".engines.programs.flow",
    "PoseTensorRTPreprocessor": ".engines.programs.pose",
}


def __getattr__(name: str) -> object:
    """What programs use, imported when it is asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name], __package__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
