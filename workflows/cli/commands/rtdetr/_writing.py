"""Writing predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_entries(
    entries: Sequence[Mapping[str, Any]], path: Path, *, checkpoint: Path | None
) -> None:
    """Write entries and say where. checkpoint: also write how they came about, by this network."""
    from .....engines.document import dump
    from .....engines.files import atomic_write

    content: Any = list(entries)
    if checkpoint is not None:
        from .....engines.detect.files.predictions import wrapped

        content = wrapped(entries, config="in the checkpoint", checkpoint=str(checkpoint))
    with atomic_write(path) as aside:
        dump(content, aside)
    print(f"wrote {path}")
