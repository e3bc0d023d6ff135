"""What a node shows when it has run: words, warnings and a small picture."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from .api import host

_MARK = "Warning: "


class Shown:
    """Words, warnings and a picture on one node; goes into `NodeOutput(ui=...)`.

    text:     the words; lines that begin with "Warning: " are warnings
    warnings: more of them, which the words may hold already; each goes to the host, too
    picture:  makes one, or a few that move, [n,h,w,3] 0..1; it is not called where nobody looks
    also:     another preview of ComfyUI's, such as `ui.PreviewImage`

    value:    the words with all warnings, a line each
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
        """Always with the same keys: ComfyUI joins those of several calls of a node."""
        return {**self._pictures, "text": (self.value,), "kinograph_warnings": self.warnings}
