"""Kinograph: video to motion conditioning (poses, optical flow) for VACE and ControlNet models.

ComfyUI imports this file by its folder and calls `comfy_entrypoint`; as an installed package it
is `kinograph`, with the command of that name. Nothing heavy is imported until a node is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .nodes.api import ComfyExtension

__version__ = "0.1.0"

WEB_DIRECTORY = "./nodes/web"


async def comfy_entrypoint() -> ComfyExtension:
    """ComfyUI's way to the nodes of this pack."""
    from .nodes.extension import KinographExtension

    return KinographExtension()
