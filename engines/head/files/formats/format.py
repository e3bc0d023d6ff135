"""What a format of files for heads is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...heads import Heads


@dataclass(frozen=True)
class HeadFormat:
    """A format of files; a file of this folder defines one as `FORMAT`.

    suffix: of the files, by which they are recognised
    chunk:  returns the bytes of successive heads for `join`, from the heads, the number of their
            first frame in the clip, and the frames per second, 0 if unknown
    join:   writes the file from a file of all chunks, one after the other, without reading more
            than one into memory
    read:   returns the heads in a file; None for a format that is for people to read
    order:  place among the formats that a user chooses from
    """

    name: str
    suffix: str
    chunk: Callable[[Heads, int, float], bytes]
    join: Callable[[Path, Path], None]
    read: Callable[[Path], Heads] | None
    order: int
