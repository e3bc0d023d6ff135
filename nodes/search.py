"""What people of other packs type when they look for a node."""

from dataclasses import fields
from typing import Any

from .api import io


def found_by(words: str, schema: type[Any] = io.Schema) -> dict[str, Any]:
    """`Schema(..., **found_by("dwpose, skeleton"))`: the node's aliases in the editor's search.

    ComfyUI before 0.4 knows no aliases, and its `Schema` takes none: nothing is given to it.
    """
    known = {field.name for field in fields(schema)}
    return {"search_aliases": words.split(", ")} if "search_aliases" in known else {}
