"""Format Text: values put into a text where it names them in braces."""

import re
import string
from collections.abc import Mapping
from typing import Any

from ...engines.errors import InputError
from ...nodes.standin import io
from ...nodes.streaming import ONCE
from .texts import LONGEST

_WIDTH = 10_000  # characters that one value may be padded to, or digits that it may have


class _Formatter(string.Formatter):
    """Python's formatting, without names that reach into objects, and with bounded widths."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        if "._" in field_name or "[_" in field_name:
            raise InputError(f"f_string: {field_name!r} reaches into the value; leave it out")
        return super().get_field(field_name, args, kwargs)

    def format_field(self, value: Any, format_spec: str) -> str:
        if any(int(digits) > _WIDTH for digits in re.findall(r"[0-9]{1,20}", format_spec)):
            raise InputError(f"f_string: expected a width of at most {_WIDTH}, found more")
        text: str = super().format_field(value, format_spec)
        return text


class StringFormat(io.ComfyNode):
    STREAMING = ONCE

    @classmethod
    def define_schema(cls) -> io.Schema:
        template = io.Autogrow.TemplateNames(
            io.AnyType.Input("value"), string.ascii_lowercase, min=0
        )
        return io.Schema(
            node_id="StringFormat",
            display_name="Format Text",
            category="text",
            inputs=[
                io.Autogrow.Input("values", template),
                io.String.Input("f_string", default="{a}", multiline=True),
            ],
            outputs=[io.String.Output()],
        )

    @classmethod
    def execute(cls, values: Mapping[str, Any], f_string: str) -> io.NodeOutput:
        if len(f_string) > LONGEST:
            raise InputError(f"f_string: expected at most {LONGEST} characters")
        try:
            return io.NodeOutput(_Formatter().vformat(f_string, (), values))
        except (KeyError, IndexError, AttributeError) as error:
            there = ", ".join(values) or "none"
            raise InputError(
                f"f_string: names a value that is not linked ({str(error)[:100]}); values: {there}"
            ) from error
        except (ValueError, TypeError) as error:
            raise InputError(f"f_string: is not a format: {str(error)[:200]}") from error
