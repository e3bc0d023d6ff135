"""The envelope that every evaluation report has in common."""

import time
from collections.abc import Mapping
from typing import Any

from ..environment import machine, versions


def report(
    kind: str,
    schema_version: int,
    results: Mapping[str, Any],
    *,
    about: Mapping[str, Any] | None = None,
    packages: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Return an evaluation report, which is JSON: what was measured, with what, when, and results.

    kind:           what the report is about, such as "flow"
    schema_version: raised when a key of this kind changes its meaning or is removed; keys may be
                    added without
    results:        the report's own top-level keys
    about:          further keys of `meta`: the model, files, settings; its `versions` are merged
                    into those collected here
    packages:       distributions whose versions the results depend on, beside Python, PyTorch and
                    Kinograph
    """
    about = dict(about or {})
    stated = about.pop("versions", {})
    return {
        "kind": kind,
        "schema_version": schema_version,
        "timestamp_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "meta": {**about, **machine(), "versions": {**versions(*packages), **stated}},
        **results,
    }
