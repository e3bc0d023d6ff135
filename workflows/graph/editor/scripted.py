"""Widgets that the editor's own scripts add to nodes of ComfyUI; no definition lists them."""

from collections.abc import Iterator, Mapping
from typing import Any

from .saved import MAX_SLOTS

# Buttons above a 3D view, with the values that the editor saves and sends for them.
_VIEW_BUTTONS = {
    "upload3dmodel": "upload 3d model",
    "uploadExtraResources": "upload extra resources",
    "clear": "clear",
}


class SavedValues:
    """The saved values of a node's widgets, in the order of the widgets."""

    def __init__(self, values: list[Any]):
        self._values, self._next = values, 0

    def take(self, default: Any = None) -> Any:
        """Return the next value, or `default` if there is none."""
        if self._next >= len(self._values):
            return default
        self._next += 1
        return self._values[self._next - 1]

    def view_buttons(self) -> Iterator[tuple[str, Any]]:
        """Take the values of the buttons above a 3D view, of which older editors have fewer."""
        while self._next < len(self._values):
            value = self._values[self._next]
            if not isinstance(value, str) or value not in _VIEW_BUTTONS:
                return
            self._next += 1
            yield _VIEW_BUTTONS[value], value

    def rest(self) -> list[Any]:
        """Take the values that are left."""
        rest, self._next = self._values[self._next :], len(self._values)
        return rest


def added_values(type_: str, saved: SavedValues) -> dict[str, Any]:
    """Return the widgets that a script adds after those of the definition, by name.

    type_: the class of the node
    saved: with the values of the definition's widgets taken
    """
    if type_ != "CustomCombo":
        return {}
    saved.take()  # the index, which follows from the choice
    options: list[Any] = []
    for value in saved.rest()[:MAX_SLOTS]:
        options.append(value)
        if not value:  # a widget for one more appears once the last has a text
            break
    if not options or options[-1]:
        options.append("")
    return {"index": -1, **{f"option{i}": value for i, value in enumerate(options, 1)}}


def settled(type_: str, values: Mapping[str, Any], chosen: Any) -> Mapping[str, Any]:
    """Return the values with those that a script computes when the workflow is queued.

    chosen: the value of the widget `choice`, or what an instance of a subgraph shows for it
    """
    if type_ != "CustomCombo" or "index" not in values:
        return values
    options = [value for name, value in values.items() if name.startswith("option")]
    return {**values, "index": options.index(chosen) if chosen in options else -1}
