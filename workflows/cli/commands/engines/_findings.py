"""What the actions share: the names that they are limited to, and the table of their findings."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .....engines.runtime.cache import EngineCache
    from .....engines.runtime.upkeep import Finding


def add_names(parser: argparse.ArgumentParser) -> None:
    """Add NAME ..., the engines that an action is limited to."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these engines")


def engine_cache() -> EngineCache:
    """Return the cache of engines of this machine."""
    from .....engines.runtime.cache import EngineCache
    from .....engines.runtime.folders import engine_folder

    return EngineCache(engine_folder())


def print_findings(cache: EngineCache, findings: Iterable[Finding]) -> int:
    """Print findings as a table; return exit status 1 if an engine is damaged."""
    from ...terminal import print_table

    rows = list(findings)
    print(cache.folder)
    print_table(
        ["engine", "MiB", "state", "detail"],
        [[f.name, f"{f.size / 2**20:.1f}", f.state, f.detail] for f in rows],
        "MiB",
    )
    return 1 if any(f.state == "damaged" for f in rows) else 0
