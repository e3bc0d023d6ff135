"""Schemas of nodes: the interface of `comfy_api.latest.io`, as plain data."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
DYNAMIC_COMBO, AUTOGROW = "COMFY_DYNAMICCOMBO_V3", "COMFY_AUTOGROW_V3"


@dataclass(frozen=True)
class Growth:
    """What an input that grows becomes: as many inputs of one kind as are given.

    spec:  what each of them takes
    names: their names, in order
    least: how many of them must be there
    """

    spec: "InputSpec"
    names: tuple[str, ...]
    least: int


@dataclass(frozen=True)
class InputSpec:
    """One input of a node; `options` are the values of a COMBO, `widget` holds the rest.

    lazy:     evaluated only when the node's `check_lazy_status` asks for it
    branches: of a dynamic combo, the further inputs that each option brings
    grows:    of an input that grows, what it becomes
    template: the name that inputs and outputs of the same type share, "" if there is none
    raw_link: the node gets the link itself, [node, output], and not what it leads to
    """

    id: str
    io_type: str
    optional: bool = False
    tooltip: str = ""
    default: Any = None
    options: tuple[str, ...] = ()
    widget: Mapping[str, Any] = field(default_factory=dict)
    lazy: bool = False
    branches: Mapping[str, tuple["InputSpec", ...]] = field(default_factory=dict)
    grows: Growth | None = None
    template: str = ""
    raw_link: bool = False

    @property
    def is_widget(self) -> bool:
        return self.io_type in (*WIDGETS, DYNAMIC_COMBO)


@dataclass(frozen=True)
class OutputSpec:
    """One output of a node; the next node runs once for each element of a list.

    template: the name that it shares with the inputs whose type it has, "" if there is none
    """

    io_type: str
    display_name: str
    tooltip: str = ""
    is_output_list: bool = False
    template: str = ""


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
        raw_link: bool = False,
        extra_dict: Mapping[str, Any] | None = None,
    ) -> InputSpec:
        widget = dict(extra_dict or {})
        return InputSpec(
            id, self.io_type, optional, tooltip, widget=widget, lazy=lazy, raw_link=raw_link
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


class MultiType:
    """An input that takes several types: `MultiType.Input("size", [Image, Mask])`."""

    @staticmethod
    def Input(  # noqa: N802
        id: str, types: Sequence[_Socket], *, optional: bool = False, tooltip: str = ""
    ) -> InputSpec:
        return InputSpec(id, ",".join(kind.io_type for kind in types), optional, tooltip)


class MatchType:
    """Inputs and outputs that all have one type: that of what is linked to the inputs."""

    @dataclass(frozen=True)
    class Template:
        """What they share: a name, and the types that may be linked."""

        template_id: str
        allowed_types: Sequence[_Socket] = (AnyType,)

        @property
        def io_type(self) -> str:
            return ",".join(kind.io_type for kind in self.allowed_types)

    @staticmethod
    def Input(  # noqa: N802
        id: str,
        template: "MatchType.Template",
        *,
        optional: bool = False,
        tooltip: str = "",
        lazy: bool = False,
    ) -> InputSpec:
        return InputSpec(
            id, template.io_type, optional, tooltip, lazy=lazy, template=template.template_id
        )

    @staticmethod
    def Output(  # noqa: N802
        template: "MatchType.Template", *, display_name: str = "MATCHTYPE", tooltip: str = ""
    ) -> OutputSpec:
        return OutputSpec(template.io_type, display_name, tooltip, template=template.template_id)


class DynamicCombo:
    """A COMBO whose options bring further inputs with them, which may be dynamic combos, too.

    In a graph they have dotted names, such as `format.codec`; the node gets `{"format": "mp4",
    "codec": {...}}`.
    """

    @dataclass(frozen=True)
    class Option:
        """An option and the inputs that it brings."""

        key: str
        inputs: Sequence[InputSpec]

    @staticmethod
    def Input(  # noqa: N802
        id: str,
        options: "Sequence[DynamicCombo.Option]",
        *,
        optional: bool = False,
        tooltip: str = "",
        **widget: Any,
    ) -> InputSpec:
        keys = tuple(option.key for option in options)
        branches = {option.key: tuple(option.inputs) for option in options}
        return InputSpec(
            id, DYNAMIC_COMBO, optional, tooltip, None, keys, widget, branches=branches
        )


class Autogrow:
    """An input that becomes as many as are given, with dotted names such as `images.image0`.

    The node gets them by their names, `{"image0": ...}`.
    """

    @staticmethod
    def TemplatePrefix(  # noqa: N802
        input: InputSpec, prefix: str, min: int = 1, max: int = 10
    ) -> Growth:
        return Growth(input, tuple(f"{prefix}{number}" for number in range(max)), min)

    @staticmethod
    def TemplateNames(input: InputSpec, names: Sequence[str], min: int = 1) -> Growth:  # noqa: N802
        return Growth(input, tuple(names), min)

    @staticmethod
    def Input(  # noqa: N802
        id: str, template: Growth, *, optional: bool = False, tooltip: str = ""
    ) -> InputSpec:
        return InputSpec(id, AUTOGROW, optional, tooltip, grows=template)


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
    dynprompt = "DYNPROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"


@dataclass(frozen=True)
class HiddenHolder:
    """The node's id, the graph in API format, and further metadata for pictures.

    dynprompt: the running graph, with the nodes that nodes made by expansion
    """

    unique_id: str | None = None
    prompt: Mapping[str, Any] | None = None
    extra_pnginfo: Mapping[str, Any] | None = None
    dynprompt: Any = None


@dataclass(frozen=True)
class Schema:
    """A node's names, inputs and outputs.

    hidden:            what it gets from the run
    is_input_list:     it takes whole lists instead of being called for each element
    not_idempotent:    its result may differ from that of another node with the same inputs
    enable_expand:     it may return a graph to run in its place
    accept_all_inputs: it also gets values that were typed into inputs that it does not declare
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
    accept_all_inputs: bool = False
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
    def validate_inputs(cls, *_: Any, **values: Any) -> bool | str:
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
    def check_lazy_status(cls, *_: Any, **values: Any) -> list[str]:
        """Return the names of lazy inputs that are needed, given the others; called until no new
        one is named."""
        return []

    execute: Any  # classmethod: the inputs by name -> NodeOutput; may be async


def overridden(node: type[ComfyNode], name: str) -> Any:
    """Return the classmethod `name` of `node`, None if it is that of `ComfyNode`."""
    method = getattr(node, name)
    return None if method.__func__ is getattr(ComfyNode, name).__func__ else method
