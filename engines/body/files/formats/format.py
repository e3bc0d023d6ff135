"""What a format of files for bodies is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...bodies import Bodies
    from ..clip import Clip


@dataclass(frozen=True)
class BodyFormat:
    """A format of files; a file of this folder defines one as `FORMAT`.

    suffix: of the files, by which they are recognised
    write:  writes a clip to a path, or to several beside it, one for each track, and returns them
    read:   returns the bodies in a file; None for a format that other programs read
    order:  place among the formats that a user chooses from
    """

    name: str
    suffix: str
    write: Callable[[Clip, Path], tuple[Path, ...]]
    read: Callable[[Path], Bodies] | None
    order: int
