"""ComfyUI as the host: what nodes ask of the program that runs them.

The headless host with the same functions, described there, is standin/host.py.
"""

import logging
import os
import secrets
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import comfy.model_management
import comfy.utils
import folder_paths
import torch
from torch import Tensor

from ..engines.errors import InputError
from ..engines.models import folders
from ..engines.runtime import folders as engine_folders
from ..engines.runtime.engine import Engine
from ..engines.video.timing import WHOLE, ReadOptions
from ..engines.words import counted
from . import comfy_memory
from .rate import Now, Rate

log = logging.getLogger("kinograph")

_FRAME = 250  # ms per frame of an animated preview
_building = Now()


def progress(total: int, unit: str = "frames") -> Callable[[int], None]:
    bar = comfy.utils.ProgressBar(total)
    rate = Rate(total, unit)

    def step(done: int) -> None:
        go_on()
        bar.update(done)
        _say(rate.step(done))

    return step


def downloading(total: int) -> Callable[[int], None]:
    return progress(total, "bytes")


def go_on() -> None:
    comfy.model_management.throw_exception_if_processing_interrupted()


def warn(text: str) -> None:
    log.warning("node %s: %s", _node(), text)


def preview(make: Callable[[], Tensor]) -> tuple[list[dict[str, Any]], bool]:
    from PIL import Image

    pictures = make().float().clamp(0, 1).mul(255).to(torch.uint8).cpu().numpy()
    first, *others = (Image.fromarray(picture) for picture in pictures)
    name = f"kinograph_{secrets.token_hex(8)}.webp"
    # Lossy and fast, about 15 ms: the picture is only for viewing.
    how: dict[str, Any] = {"quality": 60, "method": 0}
    if others:
        how |= {"save_all": True, "append_images": others, "duration": _FRAME, "loop": 0}
    try:
        folder = Path(folder_paths.get_temp_directory())
        folder.mkdir(parents=True, exist_ok=True)
        first.save(folder / name, **how)
    except OSError as error:
        log.warning("the node's preview cannot be written: %s", error)
        return [], False
    return [{"filename": name, "subfolder": "", "type": "temp"}], bool(others)


def reading() -> ReadOptions:
    return WHOLE


def server() -> Any:
    return getattr(import_module("server").PromptServer, "instance", None)


def _say(text: str) -> None:
    """Show a line on the node while it runs.

    ComfyUI's progress text is not used: it names no run, and appears on the node of the same id in
    whichever workflow is open.
    """
    instance, context = server(), _context()
    if text and context is not None and instance is not None:
        told = {"run": context.prompt_id, "node": context.node_id, "text": text}
        instance.send_sync("kinograph.progress", told, instance.client_id)


def _context() -> Any:
    """Return ComfyUI's context of the running node, None if none runs."""
    return import_module("comfy_execution.utils").get_executing_context()


def _node() -> str:
    """Return the id of the running node, "" if none runs."""
    context = _context()
    return "" if context is None else str(context.node_id)


def compute_device() -> str:
    return str(comfy.model_management.get_torch_device())


def whole_clips() -> bool:
    return True


def image_device() -> str:
    return str(comfy.model_management.intermediate_device())


def engine_folder() -> Path:
    if any(os.environ.get(name) for name in folders.VARIABLES):
        return engine_folders.engine_folder()
    return Path(folder_paths.models_dir) / "kinograph" / "engines"


def models_folder() -> Path:
    if any(os.environ.get(name) for name in folders.VARIABLES):
        return folders.models_folder()
    return Path(folder_paths.models_dir) / "kinograph"


def output_folder() -> Path:
    return Path(folder_paths.get_output_directory())


def checkpoint_folders() -> tuple[Path, ...]:
    return models_folder(), output_folder()


def make_room(size: int) -> None:
    comfy_memory.make_room(size)


def ready(engine: Engine) -> None:
    comfy_memory.ready(engine)


def core_model(module: torch.nn.Module) -> Any:
    return comfy_memory.core_model(module)


def build_progress(phase: str, step: int, steps: int) -> None:
    go_on()
    if not steps:
        if _building.due(last=False):
            _say(f"{phase}: {counted(step, 'second')}")
    elif _building.due(last=step + 1 == steps):
        comfy.utils.ProgressBar(steps).update_absolute(step + 1, steps)
        _say(f"{phase}: {step + 1}/{steps}")


def input_folder() -> Path:
    return Path(folder_paths.get_input_directory())


def input_path(name: str, there: Callable[[Path], bool] = Path.exists) -> Path:
    root = Path(folder_paths.get_input_directory()).resolve()
    path = (root / name).resolve()
    if not name or not path.is_relative_to(root) or not there(path):
        raise InputError(f"{name!r}: no such file or folder in {root}")
    return path


def save_path(prefix: str, suffix: str, size: tuple[int, int] = (0, 0)) -> Path:
    height, width = size
    folder, name, counter, _, _ = folder_paths.get_save_image_path(
        prefix, folder_paths.get_output_directory(), width, height
    )
    return Path(folder) / f"{name}_{counter:05}_{suffix}"


def saved_beside(path: Path) -> None:
    pass  # ComfyUI keeps no list of files
