"""The headless host: what nodes ask of the program that runs them.

comfy_host.py has the same functions for ComfyUI. A run sets its `Settings` for its own context.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ...engines.files import first_there
from ...engines.models import folders
from ...engines.runtime import folders as engine_folders
from ...engines.video.timing import WHOLE, ReadOptions
from .prefix import check_nameable, filled_in

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.runtime.engine import Engine


_phases: set[str] = set()


def _log_phase(phase: str, step: int, steps: int) -> None:
    """Log work of unknown length once: it takes long, and no progress is shown meanwhile."""
    if not steps and phase not in _phases:
        _phases.add(phase)
        logging.getLogger("kinograph").warning(phase)


@dataclass(frozen=True)
class Settings:
    """Folders, device and progress of one run.

    reading: which part of videos that a graph loads is read, and at which rate
    live:   whether frames come one by one, as they are captured
    resident: whether the pictures of the node that runs stay on the device that it computes on
    building: shows the progress of a build, see `build_progress`; by default it goes to the log
    saved:  called with each path that `save_path` returns, before it is written
    warned: called with each warning of a node; by default it goes to the log
    """

    output: Path = Path("kinograph-output")
    inputs: tuple[Path, ...] = (Path(),)
    device: str = "auto"
    reading: ReadOptions = WHOLE
    live: bool = False
    resident: bool = False
    progress: Callable[[int], Callable[[int], None]] = lambda total: lambda done: None
    building: Callable[[str, int, int], None] = _log_phase
    saved: Callable[[Path], None] = lambda path: None
    warned: Callable[[str], None] = logging.getLogger("kinograph").warning


settings: ContextVar[Settings] = ContextVar("settings", default=Settings())  # noqa: B039


@contextmanager
def using(chosen: Settings) -> Iterator[None]:
    """Run the body with these settings."""
    token = settings.set(chosen)
    try:
        yield
    finally:
        settings.reset(token)


def progress(total: int, unit: str = "frames") -> Callable[[int], None]:
    """Return a function to call with the number of frames, or of what `unit` says, done since the
    last call.

    It raises if the user has cancelled.
    """
    return settings.get().progress(total)


def downloading(total: int) -> Callable[[int], None]:
    """Return the same as `progress` for the bytes of a file."""
    return progress(total, "bytes")


def go_on() -> None:
    """Raise if the user has cancelled, where there is no progress to report."""


def warn(text: str) -> None:
    """Report something unexpected that does not stop the node."""
    settings.get().warned(text)


def preview(make: Callable[[], Tensor]) -> tuple[list[dict[str, Any]], bool]:
    """Return ComfyUI's references to the pictures [n,h,w,3] 0..1 of `make`, and whether they are an
    animation.

    Headless nothing is made.
    """
    return [], False


def reading() -> ReadOptions:
    """Return which part of videos the user asks for, whatever the graph says."""
    return settings.get().reading


def server() -> Any:
    """Return the program's web server, None if it has none."""
    return None


def compute_device() -> str:
    """Return where networks run: "auto" or a torch device."""
    return settings.get().device


def whole_clips() -> bool:
    """Return whether frames come as clips or chunks, and not one by one as they are captured."""
    return not settings.get().live


def image_device() -> str:
    """Return the device of the IMAGE and MASK tensors that the node hands on."""
    chosen = settings.get()
    if not chosen.resident:
        return "cpu"
    if chosen.device != "auto":
        return chosen.device
    from ...engines.runtime.backend import torch_cuda

    return "cuda" if torch_cuda().usable else "cpu"


def engine_folder() -> Path:
    """Return the folder of built engines."""
    return engine_folders.engine_folder()


def models_folder() -> Path:
    """Return the folder of downloaded models."""
    return folders.models_folder()


def output_folder() -> Path:
    """Return the folder of files that nodes write."""
    return settings.get().output


def checkpoint_folders() -> tuple[Path, ...]:
    """Return the folders in which checkpoints of trainings are looked for, the first one first."""
    chosen = settings.get()
    return folders.models_folder(), chosen.output, *chosen.inputs


def make_room(size: int) -> None:
    """Free `size` bytes on the compute device before something is loaded there."""


def ready(engine: Engine) -> None:
    """Load the engine into memory, and let the host unload it when it needs the memory."""
    engine.load()


def core_model(module: object) -> Any:
    """Return a module as ComfyUI's own nodes take models.

    Raises `InputError` here, where there is neither ComfyUI nor any such node.
    """
    raise InputError(
        "this node gives a model of ComfyUI, which only ComfyUI's own nodes take; run the graph in "
        "ComfyUI, or on a server with: kinograph run --server"
    )


def build_progress(phase: str, step: int, steps: int) -> None:
    """Show the progress of a build, and raise if the user has cancelled.

    step:  that is done, or with `steps` 0, for work whose steps are not known, seconds so far
    """
    settings.get().building(phase, step, steps)


def input_folder() -> Path:
    """Return the folder of files that users put in, the first of them."""
    return settings.get().inputs[0]


def input_path(name: str, there: Callable[[Path], bool] = Path.exists) -> Path:
    """Return a file or folder by its path or by its name in an input folder; in ComfyUI by its name
    in the input folder only.

    there: the test for existence

    Raises `InputError` if there is none.
    """
    roots = settings.get().inputs
    if not isinstance(name, str):
        raise InputError(f"expected the name of a file or folder, found {str(name)[:60]}")
    if path := first_there(name, roots, there):
        return path
    where = ", ".join(str(root) for root in roots)
    raise InputError(f"{name!r}: no such file or folder, neither as a path nor in {where}")


def save_path(prefix: str, suffix: str, size: tuple[int, int] = (0, 0)) -> Path:
    """Return the next free path for `prefix`, numbered as ComfyUI does: "pose/map" ->
    pose/map_00001_.mp4.

    size: height and width in pixels of what is saved, for %width% and %height% in the prefix

    Raises `InputError` if the prefix leads out of the output folder.
    """
    chosen = settings.get()
    prefix = filled_in(prefix, size)
    check_nameable(prefix)
    root = chosen.output.resolve()
    folder = (root / prefix).parent.resolve()
    name = Path(prefix).name
    if not folder.is_relative_to(root):
        raise InputError(
            f"filename_prefix: {prefix!r} leads out of the output folder {root}; "
            "give a name or a folder inside it"
        )
    taken = [0]
    if folder.is_dir():
        pattern = re.compile(re.escape(name) + r"_(\d+)_?", re.IGNORECASE)
        taken += [int(m.group(1)) for m in (pattern.match(p.name) for p in folder.iterdir()) if m]
    path = folder / f"{name}_{max(taken) + 1:05}_{suffix}"
    chosen.saved(path)
    return path


def saved_beside(path: Path) -> None:
    """Report a file that a node has written beside the path that `save_path` gave it."""
    settings.get().saved(path)
