"""Find what a batch still has to do: inputs that are new, changed, or whose outputs are damaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...engines.errors import MediaError
from ...engines.files import sha256_of
from ...engines.video.still_files import is_clip
from .manifest import Item, Manifest
from .stamps import digest_of, stat_of


def find_pending(
    manifest: Manifest, keys: Sequence[str], recipe: str, *, retry_failed: bool = False
) -> tuple[list[str], list[str]]:
    """Return the paths of inputs to process, and messages why inputs are processed again.

    keys:         paths of the entries to consider
    recipe:       the digest of the job
    retry_failed: include inputs that failed

    Inputs that were in progress when a run was killed come last: if one of them was the cause, it
    does not hold up the others.
    """
    first: list[str] = []
    last: list[str] = []
    remarks = []
    for key in keys:
        item = manifest.items[key]
        if item.status == "pending":
            (last if item.attempts else first).append(key)
            continue
        reason = _changed(manifest, item, recipe)
        if item.status == "done" and not reason:
            reason = _damaged(manifest.folder, item)
        if item.status == "failed" and retry_failed:
            reason = reason or "it failed"
        if reason:
            remarks.append(f"{key}: processed again: {reason}")
            first.append(key)
    return first + last, remarks


def _changed(manifest: Manifest, item: Item, recipe: str) -> str:
    """Return what has changed since the entry was made, or ""."""
    if item.recipe != recipe:
        return "values of the graph differ"
    size, mtime_ns = stat_of(Path(item.path))
    if (size, mtime_ns) == (item.size, item.mtime_ns):
        return ""
    if not size and not mtime_ns and not is_clip(Path(item.path)):
        return ""  # it has been removed: its outputs stay
    try:
        if size == item.size and digest_of(Path(item.path)) == item.sha256:
            manifest.items[item.path] = replace(item, mtime_ns=mtime_ns)
            return ""
    except (OSError, MediaError):
        pass  # the attempt reports it
    return "the input has changed"


def _damaged(root: Path, item: Item) -> str:
    """Return which output has changed since it was made, or ""."""
    for output in item.outputs:
        path = root / output.path
        try:
            if path.stat().st_size != output.bytes or sha256_of(path) != output.sha256:
                return f"{output.path} has changed"
        except OSError:
            return f"{output.path} is missing"
    return ""
