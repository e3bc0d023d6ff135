"""Core nodes that compute values: numbers, choices, texts, boxes."""

import time
from pathlib import Path
from typing import Any

import pytest
import torch

from core_graphs import outputs_of, run_nodes, texts_of
from kinograph.engines.errors import GraphError, InputError
from kinograph.workflows.core import texts


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("a + b", 10),
        ("a // b + a % b", 3),
        ("round(a / b, 2)", 2.33),
        ("ceil(a / b) * 8", 24),
        ("max(values) ** 2", 49),
        ("sum(a, b, 1)", 11),
        ("a if a > b else b", 7),
        ("a > b and b", 3),
        ("pow(2, 10)", 1024),
    ],
)
def test_expressions(expression: str, value: float) -> None:
    given = outputs_of("ComfyMathExpression", expression=expression, values__a=7, values__b=3)
    assert given == (float(value), int(value), bool(value))
    assert [type(part) for part in given] == [float, int, bool]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (" ", "expected one, such as a [+] b"),
        ("a +", "invalid syntax"),
        ("c", "'c' is not defined"),
        ("a / 0", "division by zero"),
        ("9 ** 9 ** 9", "exponent of at most 4000"),
        ("pow(9, 4001)", "exponent of at most 4000"),
        ("2 ** 4000 * 2 ** 4000 ** 2", "exponent of at most 4000"),
        ("9 ** 4000 ** 2", "exponent of at most 4000"),
        ("(9 ** 4000) ** 4000", "too large"),
        ("1 << 99999999", "too large"),
        ("2 ** 1030", "not finite or too large"),
        ("'a' * 10", "expected a number, found a str"),
        ("values", "expected a number, it gives a list"),
        ("__import__('os')", "not defined"),
        ("a.__class__", "not available|not allowed"),
        ("(" * 4000 + "a" + ")" * 4000, "nested|too many"),
        ("a" * 20_000, "at most 10000 characters"),
        ("[x for x in range(10)]", "not"),
    ],
)
def test_expressions_that_are_refused(expression: str, message: str) -> None:
    started = time.monotonic()
    with pytest.raises(InputError, match=message) as caught:
        outputs_of("ComfyMathExpression", expression=expression, values__a=7)
    assert time.monotonic() - started < 2
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("taken", [True, False])
def test_a_switch_runs_one_branch(taken: bool, tmp_path: Path) -> None:
    nodes = {
        "1": ("PrimitiveBoolean", {"value": taken}),
        "2": ("ComfyMathExpression", {"expression": "a / 0", "values.a": 1}),
        "3": ("PrimitiveInt", {"value": 5}),
        "4": (
            "ComfySwitchNode",
            {"switch": ["1", 0], "on_true": ["3", 0], "on_false": ["2", 0]},
        ),
        "5": ("PreviewAny", {"source": ["4", 0]}),
    }
    report = run_nodes(nodes, tmp_path)
    assert report.ok is taken
    if taken:
        assert texts_of(report) == {"5": "5"}
    else:
        assert "node 2 (ComfyMathExpression): expression 'a / 0': division by" in report.errors[0]


def test_resolution() -> None:
    given = {"aspect_ratio": "16:9 (Widescreen)", "megapixels": 1.0, "multiple": 8}
    assert outputs_of("ResolutionSelector", **given) == (1368, 768)


@pytest.mark.parametrize(
    ("class_type", "inputs", "value"),
    [
        ("StringConcatenate", {"string_a": "a", "string_b": "b", "delimiter": ", "}, "a, b"),
        ("StringSubstring", {"string": "frames", "start": 1, "end": -1}, "rame"),
        ("StringLength", {"string": "éa"}, 2),
        ("StringTrim", {"string": " a ", "mode": "Left"}, "a "),
        ("StringReplace", {"string": "aba", "find": "a", "replace": "c"}, "cbc"),
        ("StringContains", {"string": "Abc", "substring": "aB", "case_sensitive": False}, True),
        (
            "StringCompare",
            {"string_a": "abc", "string_b": "BC", "mode": "Ends With", "case_sensitive": False},
            True,
        ),
        ("StringFormat", {"f_string": "{a:03d}_{b}", "values__a": 7, "values__b": "x"}, "007_x"),
        ("StringFormat", {"f_string": "{{}}"}, "{}"),
    ],
)
def test_texts(class_type: str, inputs: dict[str, Any], value: Any) -> None:
    assert outputs_of(class_type, **inputs) == (value,)


FLAGS = {"case_insensitive": True, "multiline": False, "dotall": False}
TEXT = "shot_01 take_2\nshot_03 take_4"


def test_patterns() -> None:
    assert outputs_of("RegexMatch", string=TEXT, regex_pattern="^SHOT", **FLAGS) == (True,)
    pattern = r"shot_(\d+) take_(\d)"
    for mode, group, found in (
        ("First Match", 0, "shot_01 take_2"),
        ("All Matches", 0, "01\n03"),
        ("First Group", 2, "2"),
        ("All Groups", 2, "2\n4"),
        ("All Groups", 3, ""),
    ):
        given = {"string": TEXT, "regex_pattern": pattern, "mode": mode, "group_index": group}
        assert outputs_of("RegexExtract", **given, **FLAGS) == (found,), mode
    given = {"string": TEXT, "regex_pattern": r"_(\d+)", "replace": r"-\1"}
    assert outputs_of("RegexReplace", **given, count=1) == ("shot-01 take_2\nshot_03 take_4",)


def test_a_malformed_pattern_finds_nothing_and_says_so(tmp_path: Path) -> None:
    nodes = {
        "1": ("RegexMatch", {"string": "a", "regex_pattern": "(", **FLAGS}),
        "2": ("PreviewAny", {"source": ["1", 0]}),
    }
    report = run_nodes(nodes, tmp_path)
    assert texts_of(report) == {"2": "False"}
    assert "node 1 (RegexMatch): regex_pattern '(': is not a pattern" in report.warnings[0]
    for pattern, replace in (("(", "x"), ("a", r"\2")):
        with pytest.raises(InputError, match=r"is not a pattern|a group that 'a' does not have"):
            outputs_of("RegexReplace", string="a", regex_pattern=pattern, replace=replace)


def test_patterns_and_formats_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_SECONDS", 0.2)
    with pytest.raises(InputError, match=r"searches for more than 0\.2 s"):
        outputs_of("RegexMatch", string="a" * 60 + "!", regex_pattern="(a|aa)+$", **FLAGS)
    with pytest.raises(InputError, match="at most 10000000 characters"):
        outputs_of("StringReplace", string="a" * 10_000, find="a", replace="b" * 10_000)
    for text, message in (
        ("{a:>99999999}", "a width of at most 10000"),
        ("{a.__class__}", "reaches into the value"),
        ("{z}", "a value that is not linked .*values: a"),
        ("{a:d}", "is not a format"),
        ("{", "is not a format"),
    ):
        with pytest.raises(InputError, match=message):
            outputs_of("StringFormat", f_string=text, values__a="x")


BOXES = [
    {"x": 10, "y": 20, "width": 100, "height": -10, "metadata": {"type": "text", "text": "t"}},
    {"x": 512, "y": 0, "width": 512, "height": 64, "metadata": {"palette": ["#ff0000"]}},
]


def test_bounding_boxes() -> None:
    size = {"width": 1024, "height": 512}
    preview, boxes, elements = outputs_of("CreateBoundingBoxes", editor_state=BOXES, **size)
    assert preview.shape == (1, 512, 1024, 3)
    assert preview[0, 0, 700].tolist() == [1, 0, 0]
    assert boxes == [
        [
            {"x": 10, "y": 10, "width": 100, "height": 10},
            {"x": 512, "y": 0, "width": 512, "height": 64},
        ]
    ]
    assert elements == [
        {"type": "text", "bbox": [20, 10, 39, 107], "text": "t", "desc": ""},
        {"type": "obj", "bbox": [0, 500, 125, 1000], "desc": "", "color_palette": ["#FF0000"]},
    ]
    element = '[{"bbox": [500, 0, 1000, 250]}]'
    given = {"editor_state": BOXES, "bboxes": element, **size}
    _, boxes, _ = outputs_of("CreateBoundingBoxes", **given, background=torch.ones(1, 30, 60, 3))
    assert boxes == [[{"x": 0, "y": 256, "width": 256, "height": 256}]]
    assert outputs_of("CreateBoundingBoxes", editor_state=[], **size)[1:] == ([], [])


@pytest.mark.parametrize(
    ("bboxes", "message"),
    [
        ("{", "expected JSON"),
        ([1], "expected boxes or elements"),
        ([{"x": 1}], "box 0 has no y"),
        ([{"bbox": [1, 2]}], r"expected \[ymin, xmin, ymax, xmax\]"),
        ([{"bbox": [1, 2, 3, "a"]}], "expected a number, found 'a'"),
        ([{"x": 1, "y": float("nan"), "width": 1, "height": 1}], "expected a number"),
    ],
)
def test_boxes_that_are_none(bboxes: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        outputs_of("CreateBoundingBoxes", width=64, height=64, editor_state=[], bboxes=bboxes)


def test_boxes_of_the_editor_that_are_none(tmp_path: Path) -> None:
    nodes = {"1": ("CreateBoundingBoxes", {"width": 32, "height": 64, "editor_state": []})}
    with pytest.raises(GraphError, match="input 'width': expected at least 64, found 32"):
        run_nodes(nodes, tmp_path)


@pytest.mark.parametrize(
    ("value", "number", "whole"),
    [
        (True, 1.0, 1),
        (-3.9, -3.9, -3),
        (" 2.5e1 ", 25.0, 25),
        (2**62 + 1, float(2**62), 2**62 + 1),
        (str(2**62 + 1), float(2**62), 2**62 + 1),
    ],
)
def test_converted_numbers(value: Any, number: float, whole: int) -> None:
    given = outputs_of("ComfyNumberConvert", value=value)
    assert given == (number, whole)
    assert [type(part) for part in given] == [float, int]


@pytest.mark.parametrize("value", ["", "two", "nan", "inf", float("inf"), None, [1], "9" * 5000])
def test_what_is_no_number(value: Any) -> None:
    with pytest.raises(InputError, match=r"value: expected a finite number .*, found") as caught:
        outputs_of("ComfyNumberConvert", value=value)
    assert len(str(caught.value)) < 200
