"""Widgets that are rarely used: the editor hides them until the user asks for the advanced ones of
a node. `advanced.Int.Input(...)` makes one as `io.Int.Input(...)` does."""

from dataclasses import replace
from typing import Any

from .api import io
from .standin.io import InputSpec


def marked(widget: Any) -> Any:
    """Return the widget, marked as advanced.

    ComfyUI 0.3.75 has no argument for it, but passes on what a widget's `extra_dict` holds.
    """
    if isinstance(widget, InputSpec):
        return replace(widget, widget={**widget.widget, "advanced": True})
    widget.extra_dict["advanced"] = True
    return widget


class _Kind:
    """A kind of widget whose inputs are all advanced."""

    def __init__(self, kind: Any):
        self._kind = kind

    def Input(self, id: str, **values: Any) -> Any:  # noqa: N802
        return marked(self._kind.Input(id, **values))


Boolean, Combo, Float, Int, String = (
    _Kind(kind) for kind in (io.Boolean, io.Combo, io.Float, io.Int, io.String)
)
