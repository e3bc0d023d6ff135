"""ComfyUI as the host: what nodes ask of the program that runs them. Twin: standin/host.py."""

import os
from collections.abc import Callable
from pathlib import Path

import comfy.model_management
import comfy.utils
import folder_paths

from ..engines.runtime import folders


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
        return folders.engine_folder()
    return Path(folder_paths.models_dir) / "kinograph" / "engines"


def save_path(prefix: str, suffix: str) -> Path:
    folder, name, counter, _, _ = folder_paths.get_save_image_path(
        prefix, folder_paths.get_output_directory()
    )
    return Path(folder) / f"{name}_{counter:05}_{suffix}"
