"""The headless host: what nodes ask of the program that runs them. See comfy_host.py, its twin.

A run sets its `Settings` for its own thread of execution.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ...engines.errors import InputError
from ...engines.files import first_there
from ...engines.models import folders
from ...engines.runtime import folders as engine_folders
from ...engines.runtime.engine import Engine
from .prefix import filled_in


@dataclass(frozen=True)
class Settings:
    """Folders, device and progress of one run.

    live:   frames come one by one, as they are taken
    saved:  told each path that `save_path` hands out, before it is written
    warned: told what a node warns of; by default the log is
    """

    output: Path = Path("kinograph-output")
    inputs: tuple[Path, ...] = (Path(),)
    device: str = "auto"
    live: bool = False
    progress: Callable[[int], Callable[[int], None]] = lambda total: lambda done: None
    saved: Callable[[Path], None] = lambda path: None
    warned: Callable[[str], None] = logging.getLogger("kinograph").warning


settings: ContextVar[Settings] = ContextVar("settings", default=Settings())  # noqa: B039


@contextmanager
def using(chosen: Settings) -> Iterator[None]:
    """Run the body under `chosen`."""
    token = settings.set(chosen)
    try:
        yield
    finally:
        settings.reset(token)


def progress(total: int, unit: str = "frames") -> Callable[[int], None]:
    """A function to call with the number of frames (or bytes, as `unit` says) done since the last
    call; it also raises when the user has cancelled."""
    return settings.get().progress(total)


def downloading(total: int) -> Callable[[int], None]:
    """As `progress`, of a file's bytes."""
    return progress(total, "bytes")


def go_on() -> None:
    """Raise when the user has cancelled, where there is no progress to tell."""


def warn(text: str) -> None:
    """Say what is odd but did not stop the node."""
    settings.get().warned(text)


def preview(make: Callable[[], Tensor]) -> tuple[list[dict[str, Any]], bool]:
    """Where the pictures [n,h,w,3] 0..1 of `make` are shown, as ComfyUI says it, and whether they
    move. Headless nobody looks, and nothing is made."""
    return [], False


def server() -> Any:
    """The program's web server; None where there is none."""
    return None


def compute_device() -> str:
    """Where networks run: "auto" or a torch device."""
    return settings.get().device


def whole_clips() -> bool:
    """Whether frames come as clips or parts of them, and not one by one as they are taken."""
    return not settings.get().live


def image_device() -> str:
    """Where IMAGE and MASK tensors live between nodes."""
    return "cpu"


def engine_folder() -> Path:
    """Where built engines are kept."""
    return engine_folders.engine_folder()


def models_folder() -> Path:
    """Where downloaded models lie."""
    return folders.models_folder()


def make_room(size: int) -> None:
    """Ask for `size` bytes on the compute device before something is loaded there."""


def ready(engine: Engine) -> None:
    """Have the engine in memory, and let the host take its memory when it needs it."""
    engine.load()


def build_progress(phase: str, step: int, steps: int) -> None:
    """Show how far a build is; it also raises when the user has cancelled."""


def input_path(name: str) -> Path:
    """A file or folder by its path or by its name in an input folder; in ComfyUI by its name in
    the input folder only. Raises `InputError` when there is none."""
    roots = settings.get().inputs
    if path := first_there(name, roots):
        return path
    where = ", ".join(str(root) for root in roots)
    raise InputError(f"{name!r}: no such file or folder, neither as a path nor in {where}")


def save_path(prefix: str, suffix: str, size: tuple[int, int] = (0, 0)) -> Path:
    """The next free path for `prefix`, as ComfyUI counts: "pose/map" -> pose/map_00001_.mp4.

    size: height and width in pixels of what is saved, for %width% and %height% in the prefix

    Raises `InputError` when the prefix leads out of the output folder.
    """
    chosen = settings.get()
    prefix = filled_in(prefix, size)
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
