"""What a node shows after it has run: text, warnings and a small picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .api import host

if TYPE_CHECKING:
    from torch import Tensor

_MARK = "Warning: "


class Shown:
    """Text, warnings and a picture on one node, for `NodeOutput(ui=...)`.

    text:     lines that begin with "Warning: " are warnings
    warnings: further warnings, which the text may contain already; each also goes to the host
    picture:  makes one picture, or the frames of an animation, [n,h,w,3] 0..1; not called headless
    also:     another preview of ComfyUI's, such as `ui.PreviewImage`

    value:    the text with all warnings, one per line
    """

    def __init__(
        self,
        text: str,
        *,
        warnings: Sequence[str] = (),
        picture: Callable[[], Tensor] | None = None,
        also: Any = None,
    ):
        lines = text.splitlines()
        marked = [line.removeprefix(_MARK) for line in lines if line.startswith(_MARK)]
        more = [warning for warning in warnings if warning not in text]
        self.value = "\n".join([*lines, *(_MARK + warning for warning in more)])
        self.warnings = tuple(dict.fromkeys([*marked, *warnings]))
        for warning in self.warnings:
            host.warn(warning)
        self._pictures: dict[str, Any] = {}
        if also is not None:
            self._pictures = also.as_dict()
        elif picture is not None:
            shown, moves = host.preview(picture)
            self._pictures = {"images": shown, "animated": (moves,)}

    def as_dict(self) -> dict[str, Any]:
        """Return what ComfyUI sends to the editor.

        The keys are always the same: ComfyUI joins the values of several calls of a node.
        """
        return {**self._pictures, "text": (self.value,), "kinograph_warnings": self.warnings}
