"""What nodes show: the part of `comfy_api.latest.ui` that Kinograph uses."""

from typing import Any


class PreviewText:
    """A text shown on the node."""

    def __init__(self, value: str):
        self.value = value

    def as_dict(self) -> dict[str, tuple[str, ...]]:
        return {"text": (self.value,)}


class PreviewImage:
    """Pictures shown on the node; headless nothing is written."""

    def __init__(self, image: Any, animated: bool = False, cls: Any = None):
        self.animated = animated

    def as_dict(self) -> dict[str, Any]:
        return {"images": [], "animated": (self.animated,)}
