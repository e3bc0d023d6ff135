"""What nodes show: the surface of `comfy_api.latest.ui` that Kinograph uses."""


class PreviewText:
    """A text shown on the node."""

    def __init__(self, value: str):
        self.value = value

    def as_dict(self) -> dict[str, tuple[str, ...]]:
        return {"text": (self.value,)}
