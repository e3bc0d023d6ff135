"""If/Else Switch: one of two values; what leads to the other does not run."""

from typing import Any

from ...nodes.standin import io
from ...nodes.streaming import Refusal, Rule, Values

_BRANCHES = ("on_false", "on_true")


def _unasked(values: Values) -> tuple[str, ...]:
    """Return the branch that is not taken, where the choice is known."""
    chosen = values.get("switch")
    return (_BRANCHES[not chosen],) if isinstance(chosen, bool) else ()


def _whole(values: Values) -> Refusal | None:
    """Refuse a choice that is made during the run: it would need the frames of both branches."""
    if isinstance(values.get("switch"), bool):
        return None
    return Refusal(
        "chooses between two branches by a value that is computed",
        "type the value in, or run it without --chunk",
    )


class ComfySwitchNode(io.ComfyNode):
    STREAMING = Rule("frames", _BRANCHES, unasked=_unasked, whole=_whole)

    @classmethod
    def define_schema(cls) -> io.Schema:
        template = io.MatchType.Template("switch")
        return io.Schema(
            node_id="ComfySwitchNode",
            display_name="If/Else Switch",
            category="utilities/logic",
            inputs=[
                io.Boolean.Input("switch", tooltip="Whether to take on_true."),
                io.MatchType.Input("on_false", template, lazy=True),
                io.MatchType.Input("on_true", template, lazy=True),
            ],
            outputs=[io.MatchType.Output(template, display_name="output")],
        )

    @classmethod
    def check_lazy_status(
        cls, switch: bool, on_false: Any = None, on_true: Any = None
    ) -> list[str]:
        name, value = ("on_true", on_true) if switch else ("on_false", on_false)
        return [name] if value is None else []

    @classmethod
    def execute(cls, switch: bool, on_false: Any = None, on_true: Any = None) -> io.NodeOutput:
        return io.NodeOutput(on_true if switch else on_false)
