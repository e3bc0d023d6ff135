"""Replace Text (Regex): a text with what a pattern finds replaced."""

from ...nodes.standin import io
from ...nodes.streaming import ONCE
from .texts import check_length, searched


class RegexReplace(io.ComfyNode):
    STREAMING = ONCE

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RegexReplace",
            display_name="Replace Text (Regex)",
            category="text",
            inputs=[
                io.String.Input("string", multiline=True),
                io.String.Input("regex_pattern", multiline=True),
                io.String.Input("replace", multiline=True),
                io.Boolean.Input("case_insensitive", default=True, optional=True),
                io.Boolean.Input("multiline", default=False, optional=True),
                io.Boolean.Input("dotall", default=False, optional=True),
                io.Int.Input("count", default=0, min=0, max=100, optional=True),
            ],
            outputs=[io.String.Output()],
        )

    @classmethod
    def execute(
        cls,
        string: str,
        regex_pattern: str,
        replace: str,
        case_insensitive: bool = True,
        multiline: bool = False,
        dotall: bool = False,
        count: int = 0,
    ) -> io.NodeOutput:
        check_length((len(string) + 1) * max(1, len(replace)))
        replaced = searched(
            regex_pattern,
            lambda pattern, timeout: pattern.sub(replace, string, count, timeout=timeout),
            case_insensitive=case_insensitive,
            multiline=multiline,
            dotall=dotall,
        )
        return io.NodeOutput(replaced)
