"""Schemas of nodes: the surface of `comfy_api.latest.io`, as plain data."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class InputSpec:
    """One input of a node; `options` are the values of a COMBO, `widget` holds the rest."""

    id: str
    io_type: str
    optional: bool = False
    tooltip: str = ""
    default: Any = None
    options: tuple[str, ...] = ()
    widget: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_widget(self) -> bool:
        return self.io_type in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")


@dataclass(frozen=True)
class OutputSpec:
    io_type: str
    display_name: str
    tooltip: str = ""


class _Socket:
    """A type that travels along links: `Custom("KINO_POSES").Input("poses")`."""

    def __init__(self, io_type: str):
        self.io_type = io_type

    def Input(self, id: str, *, optional: bool = False, tooltip: str = "") -> InputSpec:  # noqa: N802
        return InputSpec(id, self.io_type, optional, tooltip)

    def Output(self, *, display_name: str = "", tooltip: str = "") -> OutputSpec:  # noqa: N802
        return OutputSpec(self.io_type, display_name or self.io_type, tooltip)


class _Widget(_Socket):
    """A type that is also typed in: `Int.Input("width", default=0, min=0, max=4096, step=16)`."""

    def Input(  # noqa: N802
        self,
        id: str,
        *,
        options: Sequence[str] = (),
        default: Any = None,
        optional: bool = False,
        tooltip: str = "",
        **widget: Any,
    ) -> InputSpec:
        return InputSpec(id, self.io_type, optional, tooltip, default, tuple(options), widget)


def Custom(io_type: str) -> _Socket:  # noqa: N802
    """A socket of a pack's own type."""
    return _Socket(io_type)


Image, Mask, Video, Audio, AnyType = (
    _Socket(name) for name in ("IMAGE", "MASK", "VIDEO", "AUDIO", "*")
)
Int, Float, String, Boolean, Combo = (
    _Widget(name) for name in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
)


@dataclass(frozen=True)
class Schema:
    """What a node is called, takes and gives."""

    node_id: str
    display_name: str = ""
    category: str = ""
    inputs: Sequence[InputSpec] = ()
    outputs: Sequence[OutputSpec] = ()
    description: str = ""
    is_output_node: bool = False


class NodeOutput:
    """The values of a node's outputs, in order, and what it shows (`ui`)."""

    def __init__(self, *args: Any, ui: Any = None):
        self.args = args
        self.ui = ui


class ComfyNode(ABC):
    """A node: a schema and a function, both on the class; nothing is kept between calls."""

    @classmethod
    @abstractmethod
    def define_schema(cls) -> Schema: ...

    @classmethod
    def validate_inputs(cls, **values: Any) -> bool | str:
        """True, or why the typed-in `values` cannot work; asked before anything runs."""
        return True

    execute: Any  # classmethod: the inputs by name -> NodeOutput
