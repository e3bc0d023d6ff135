"""Schemas of nodes: the interface of `comfy_api.latest.io`, as plain data."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")


@dataclass(frozen=True)
class InputSpec:
    """One input of a node; `options` are the values of a COMBO, `widget` holds the rest.

    lazy: evaluated only when the node's `check_lazy_status` asks for it
    """

    id: str
    io_type: str
    optional: bool = False
    tooltip: str = ""
    default: Any = None
    options: tuple[str, ...] = ()
    widget: Mapping[str, Any] = field(default_factory=dict)
    lazy: bool = False

    @property
    def is_widget(self) -> bool:
        return self.io_type in WIDGETS


@dataclass(frozen=True)
class OutputSpec:
    """One output of a node; the next node runs once for each element of a list."""

    io_type: str
    display_name: str
    tooltip: str = ""
    is_output_list: bool = False


class _Socket:
    """A type that travels along links: `Custom("KINO_POSES").Input("poses")`."""

    def __init__(self, io_type: str):
        self.io_type = io_type

    def Input(  # noqa: N802
        self,
        id: str,
        *,
        optional: bool = False,
        tooltip: str = "",
        lazy: bool = False,
        extra_dict: Mapping[str, Any] | None = None,
    ) -> InputSpec:
        return InputSpec(
            id, self.io_type, optional, tooltip, widget=dict(extra_dict or {}), lazy=lazy
        )

    def Output(  # noqa: N802
        self,
        id: str = "",
        *,
        display_name: str = "",
        tooltip: str = "",
        is_output_list: bool = False,
    ) -> OutputSpec:
        return OutputSpec(self.io_type, display_name or self.io_type, tooltip, is_output_list)


class _Widget(_Socket):
    """A type that can be typed in: `Int.Input("width", default=0, min=0, max=4096, step=16)`."""

    def Input(  # noqa: N802
        self,
        id: str,
        *,
        options: Sequence[str] = (),
        default: Any = None,
        optional: bool = False,
        tooltip: str = "",
        lazy: bool = False,
        **widget: Any,
    ) -> InputSpec:
        return InputSpec(id, self.io_type, optional, tooltip, default, tuple(options), widget, lazy)


def Custom(io_type: str) -> _Socket:  # noqa: N802
    """Return the socket of a pack's own type."""
    return _Socket(io_type)


Image, Mask, Video, Audio, AnyType = (
    _Socket(name) for name in ("IMAGE", "MASK", "VIDEO", "AUDIO", "*")
)
Int, Float, String, Boolean, Combo = (_Widget(name) for name in WIDGETS)


class UploadType(str, Enum):
    """What the upload button of a COMBO accepts in the editor."""

    image = "image_upload"
    audio = "audio_upload"
    video = "video_upload"
    model = "file_upload"


class Hidden(str, Enum):
    """What a node may get from the run instead of its inputs, at `cls.hidden`."""

    unique_id = "UNIQUE_ID"
    prompt = "PROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"


@dataclass(frozen=True)
class HiddenHolder:
    """The node's id, the graph in API format, and further metadata for pictures."""

    unique_id: str | None = None
    prompt: Mapping[str, Any] | None = None
    extra_pnginfo: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Schema:
    """A node's names, inputs and outputs.

    hidden:         what it gets from the run
    is_input_list:  it takes whole lists instead of being called for each element
    not_idempotent: its result may differ from that of another node with the same inputs
    enable_expand:  it may return a graph to run in its place
    """

    node_id: str
    display_name: str = ""
    category: str = ""
    inputs: Sequence[InputSpec] = ()
    outputs: Sequence[OutputSpec] = ()
    description: str = ""
    is_output_node: bool = False
    hidden: Sequence[Hidden] = ()
    is_input_list: bool = False
    not_idempotent: bool = False
    enable_expand: bool = False
    search_aliases: Sequence[str] = ()


class ExecutionBlocker:
    """Takes the place of a value and keeps nodes that get it from running, silently if it has no
    message."""

    def __init__(self, message: str | None):
        self.message = message


class NodeOutput:
    """The values of a node's outputs, in order, and what it shows.

    ui:              an object with `as_dict`, or a dictionary of lists
    expand:          a graph in API format to run in place of the node; values may be links into it
    block_execution: why nothing that uses the outputs may run
    """

    def __init__(
        self,
        *args: Any,
        ui: Any = None,
        expand: Mapping[str, Any] | None = None,
        block_execution: str | None = None,
    ):
        self.args = args
        self.ui = ui
        self.expand = expand
        self.block_execution = block_execution

    def __getitem__(self, index: int) -> Any:
        return self.args[index]


class ComfyNode(ABC):
    """A node: a schema and a function, both of the class; nothing is kept between calls."""

    hidden: HiddenHolder = HiddenHolder()

    @classmethod
    @abstractmethod
    def define_schema(cls) -> Schema: ...

    @classmethod
    def validate_inputs(cls, **values: Any) -> bool | str:
        """Return True, or why the typed-in `values` cannot work; called before anything runs.

        Linked inputs are None. Inputs that are named here are not checked against their limits.
        """
        return True

    @classmethod
    def fingerprint_inputs(cls, **values: Any) -> Any:
        """Return what the result depends on besides the inputs, such as a file's date; NaN: always
        run."""
        return None

    @classmethod
    def check_lazy_status(cls, **values: Any) -> list[str]:
        """Return the names of lazy inputs that are needed, given the others; called until no new
        one is named."""
        return []

    execute: Any  # classmethod: the inputs by name -> NodeOutput; may be async


def overridden(node: type[ComfyNode], name: str) -> Any:
    """Return the classmethod `name` of `node`, None if it is that of `ComfyNode`."""
    method = getattr(node, name)
    return None if method.__func__ is getattr(ComfyNode, name).__func__ else method
