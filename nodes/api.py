"""The only way to ComfyUI: its node API if it is installed, otherwise a stand-in with the same
interface; and what nodes ask of the program that runs them (`host`)."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING or find_spec("comfy_api") is None:
    from .standin import host, io, ui
    from .standin.extension import ComfyExtension
else:
    from comfy_api.latest import ComfyExtension, io, ui

    from . import comfy_host as host

__all__ = ["ComfyExtension", "host", "io", "ui"]
