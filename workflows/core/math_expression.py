"""Math Expression: what an expression of numbers gives, without running code."""

import ast
import math
import operator
import string
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from simpleeval import DEFAULT_OPERATORS, InvalidExpression, SimpleEval

from ...engines.errors import InputError
from ...nodes.standin import io
from ...nodes.streaming import ONCE

LONGEST = 10_000  # characters of an expression
LARGEST_EXPONENT = 4000
_BITS = 1 << 16  # of a whole number on the way; a result of 1024 is too large already

Number = int | float


def _sum(*values: Any) -> Any:
    """Add numbers, or those of one list."""
    listed = len(values) == 1 and isinstance(values[0], Iterable)
    return sum(values[0] if listed else values)


def _bounded(function: Callable[..., Any], bits: Callable[[int, int], int]) -> Callable[..., Any]:
    """Return a function of two numbers that refuses whole numbers beyond `_BITS`.

    bits: how many the result has at most, from the numbers
    """

    def bounded(one: Any, other: Any) -> Any:
        for value in (one, other):
            if not isinstance(value, int | float):
                raise InvalidExpression(f"expected a number, found a {type(value).__name__}")
        if isinstance(one, int) and isinstance(other, int) and bits(one, other) > _BITS:
            raise InvalidExpression("an intermediate whole number is too large")
        return function(one, other)

    return bounded


def _power_bits(base: int, exponent: int) -> int:
    if abs(exponent) > LARGEST_EXPONENT:
        raise InvalidExpression(f"expected an exponent of at most {LARGEST_EXPONENT}")
    return base.bit_length() * abs(exponent)


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(exponent, float) and abs(exponent) > LARGEST_EXPONENT:
        raise InvalidExpression(f"expected an exponent of at most {LARGEST_EXPONENT}")
    return base**exponent


_SAFE_POWER = _bounded(_power, _power_bits)
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "sum": _sum,
    "min": min,
    "max": max,
    "abs": abs,
    "round": round,
    "pow": _SAFE_POWER,
    "sqrt": math.sqrt,
    "ceil": math.ceil,
    "floor": math.floor,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "int": int,
    "float": float,
}
_OPERATORS = {
    **DEFAULT_OPERATORS,
    ast.Pow: _SAFE_POWER,
    ast.Mult: _bounded(operator.mul, lambda a, b: a.bit_length() + b.bit_length()),
    ast.Add: _bounded(operator.add, lambda a, b: max(a.bit_length(), b.bit_length()) + 1),
    ast.LShift: _bounded(operator.lshift, lambda a, b: a.bit_length() + max(b, 0)),
}


def evaluate(expression: str, values: Mapping[str, Any]) -> Number:
    """Return what an expression gives.

    values: the numbers that it names; `values` is the list of all

    Raises `InputError` for anything but an expression that gives a finite number.
    """

    def failure(reason: str) -> InputError:
        shown = expression if len(expression) <= 60 else f"{expression[:57]}..."
        return InputError(f"expression {shown!r}: {reason[:200]}")

    if not expression.strip():
        raise InputError("expression: expected one, such as a + b, found nothing")
    if len(expression) > LONGEST:
        raise failure(f"expected at most {LONGEST} characters, found {len(expression)}")
    names = {**values, "values": list(values.values())}
    try:
        result = SimpleEval(_OPERATORS, dict(_FUNCTIONS), names).eval(expression.strip())
    except (InvalidExpression, SyntaxError, ArithmeticError, ValueError, TypeError) as error:
        raise failure(str(error) or type(error).__name__) from error
    except (KeyError, IndexError, AttributeError) as error:
        raise failure(f"there is no {error}") from error
    except (RecursionError, MemoryError) as error:
        raise failure("is nested too deeply") from error
    if not isinstance(result, int | float):
        raise failure(f"expected a number, it gives a {type(result).__name__}")
    try:
        finite = math.isfinite(result)
    except OverflowError:
        finite = False
    if not finite:
        raise failure("gives a number that is not finite or too large")
    return result


class ComfyMathExpression(io.ComfyNode):
    STREAMING = ONCE

    @classmethod
    def define_schema(cls) -> io.Schema:
        number = io.MultiType.Input("value", [io.Float, io.Int, io.Boolean])
        return io.Schema(
            node_id="ComfyMathExpression",
            display_name="Math Expression",
            category="utilities",
            inputs=[
                io.String.Input("expression", default="a + b", multiline=True),
                io.Autogrow.Input(
                    "values", io.Autogrow.TemplateNames(number, string.ascii_lowercase)
                ),
            ],
            outputs=[
                io.Float.Output(display_name="FLOAT"),
                io.Int.Output(display_name="INT"),
                io.Boolean.Output(display_name="BOOL"),
            ],
        )

    @classmethod
    def execute(cls, expression: str, values: Mapping[str, Any]) -> io.NodeOutput:
        result = evaluate(expression, values)
        return io.NodeOutput(float(result), int(result), bool(result))
