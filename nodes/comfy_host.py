"""ComfyUI as the host: what nodes ask of the program that runs them. Twin: standin/host.py."""

import os
from collections.abc import Callable
from pathlib import Path

import comfy.model_management
import comfy.utils
import folder_paths

from ..engines.errors import InputError
from ..engines.models import folders
from ..engines.runtime import folders as engine_folders
from ..engines.runtime.engine import Engine
from . import comfy_memory


def progress(total: int) -> Callable[[int], None]:
    bar = comfy.utils.ProgressBar(total)

    def step(done: int) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        bar.update(done)

    return step


def compute_device() -> str:
    return str(comfy.model_management.get_torch_device())


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


def make_room(size: int) -> None:
    comfy_memory.make_room(size)


def ready(engine: Engine) -> None:
    comfy_memory.ready(engine)


def build_progress(phase: str, step: int, steps: int) -> None:
    comfy.model_management.throw_exception_if_processing_interrupted()
    if steps:
        comfy.utils.ProgressBar(steps).update_absolute(step + 1, steps)


def input_path(name: str) -> Path:
    root = Path(folder_paths.get_input_directory()).resolve()
    path = (root / name).resolve()
    if not name or not path.is_relative_to(root) or not path.exists():
        raise InputError(f"{name!r}: no such file or folder in {root}")
    return path


def save_path(prefix: str, suffix: str) -> Path:
    folder, name, counter, _, _ = folder_paths.get_save_image_path(
        prefix, folder_paths.get_output_directory()
    )
    return Path(folder) / f"{name}_{counter:05}_{suffix}"
