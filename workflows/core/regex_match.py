"""Match Text: whether a pattern is found in a text."""

from ...nodes.standin import io
from ...nodes.streaming import ONCE
from .texts import PatternError, searched, warn_of_pattern


class RegexMatch(io.ComfyNode):
    STREAMING = ONCE

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RegexMatch",
            display_name="Match Text",
            category="text",
            inputs=[
                io.String.Input("string", multiline=True),
                io.String.Input("regex_pattern", multiline=True),
                io.Boolean.Input("case_insensitive", default=True),
                io.Boolean.Input("multiline", default=False),
                io.Boolean.Input("dotall", default=False),
            ],
            outputs=[io.Boolean.Output(display_name="matches")],
        )

    @classmethod
    def execute(cls, string: str, regex_pattern: str, **flags: bool) -> io.NodeOutput:
        try:
            return io.NodeOutput(
                searched(
                    regex_pattern,
                    lambda pattern, timeout: pattern.search(string, timeout=timeout) is not None,
                    **flags,
                )
            )
        except PatternError as error:
            warn_of_pattern(error)
            return io.NodeOutput(False)
