"""Extract Text: what a pattern, or one of its groups, finds in a text."""

import regex

from ...nodes.standin import io
from ...nodes.streaming import ONCE
from .texts import PatternError, searched, warn_of_pattern


class RegexExtract(io.ComfyNode):
    STREAMING = ONCE

    _MODES = ("First Match", "All Matches", "First Group", "All Groups")

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RegexExtract",
            display_name="Extract Text",
            category="text",
            inputs=[
                io.String.Input("string", multiline=True),
                io.String.Input("regex_pattern", multiline=True),
                io.Combo.Input("mode", options=cls._MODES),
                io.Boolean.Input("case_insensitive", default=True),
                io.Boolean.Input("multiline", default=False),
                io.Boolean.Input("dotall", default=False),
                io.Int.Input("group_index", default=1, min=0, max=100),
            ],
            outputs=[io.String.Output()],
        )

    @classmethod
    def execute(
        cls, string: str, regex_pattern: str, mode: str, group_index: int, **flags: bool
    ) -> io.NodeOutput:
        def found(pattern: "regex.Pattern[str]", timeout: float) -> list[str]:
            matches = pattern.finditer(string, timeout=timeout)
            if mode == "All Matches":  # of a pattern with several groups, the first of them
                group = 1 if pattern.groups else 0
            elif mode == "First Match":
                group = 0
            elif pattern.groups < group_index or (mode == "All Groups" and not pattern.groups):
                return []
            else:
                group = group_index
            texts = (match.group(group) or "" for match in matches)
            return list(texts) if mode.startswith("All") else [next(texts, "")]

        try:
            return io.NodeOutput("\n".join(searched(regex_pattern, found, **flags)))
        except PatternError as error:
            warn_of_pattern(error)
            return io.NodeOutput("")
