"""Search terms: what users of other packs type to find a node."""

from dataclasses import fields
from typing import Any

from .api import io


def found_by(words: str, schema: type[Any] = io.Schema) -> dict[str, Any]:
    """Return search aliases for a schema: `Schema(..., **found_by("dwpose, skeleton"))`.

    ComfyUI before 0.4 has no aliases, and its `Schema` takes none: the result is empty then.
    """
    known = {field.name for field in fields(schema)}
    return {"search_aliases": words.split(", ")} if "search_aliases" in known else {}
