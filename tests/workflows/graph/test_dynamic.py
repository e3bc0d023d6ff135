"""Inputs that depend on others: in checking, in runs, and as nodes take them."""

from pathlib import Path
from typing import Any

import pytest

from core_graphs import run_nodes, texts_of
from kinograph.engines.errors import GraphError
from kinograph.nodes.standin import io
from kinograph.workflows.graph.assign import with_values
from kinograph.workflows.graph.catalogue import catalogue
from kinograph.workflows.graph.dynamic import nested, possible, present
from kinograph.workflows.graph.load import parse_graph
from kinograph.workflows.graph.plan import check

OPTION = io.DynamicCombo.Option
SPECS = (
    io.Int.Input("before"),
    io.DynamicCombo.Input(
        "format",
        [
            OPTION(
                "mp4", [io.DynamicCombo.Input("codec", [OPTION("h264", [io.Float.Input("crf")])])]
            ),
            OPTION("png", [io.Combo.Input("depth", options=("8", "16"))]),
        ],
    ),
    io.Autogrow.Input(
        "images", io.Autogrow.TemplatePrefix(io.Image.Input("image"), "image", min=1, max=3)
    ),
)


def test_what_is_present_follows_the_choices() -> None:
    given = {"format": "mp4", "format.codec": "h264"}
    found = present(SPECS, given)
    images = [f"images.image{i}" for i in range(3)]
    assert [s.id for s in found] == [
        "before",
        "format",
        "format.codec",
        "format.codec.crf",
        *images,
    ]
    assert [s.optional for s in found[-3:]] == [False, True, True]
    assert [s.id for s in present(SPECS[1:2], {"format": "png"})] == ["format", "format.depth"]
    assert [s.id for s in present(SPECS[1:2], {"format": ["1", 0]})] == ["format"]
    assert len(possible(SPECS)) == 8


def test_a_node_takes_mappings() -> None:
    values = {
        "before": 1,
        "format": "mp4",
        "format.codec": "h264",
        "format.codec.crf": 20.0,
        "images.image0": "a",
        "images.image2": "c",
        "more": 2,
    }
    made = nested(SPECS, values)
    assert made == {
        "before": 1,
        "format": {"format": "mp4", "codec": {"codec": "h264", "crf": 20.0}},
        "images": {"image0": "a", "image2": "c"},
        "more": 2,
    }
    assert nested(SPECS, {})["images"] == {}
    lists = nested(SPECS, {"format": ["png"], "format.depth": ["8"]})
    assert lists["format"] == {"format": ["png"], "depth": ["8"]}
    named = nested(SPECS, {"images.image0": None}, named=True)
    assert named["images"] == {"image0": (None, "images.image0")}


def resize(**inputs: Any) -> dict[str, Any]:
    given = {"input": ["1", 0], "scale_method": "area", **inputs}
    given = {name.replace("__", "."): value for name, value in given.items()}
    return {
        "1": {
            "class_type": "EmptyImage",
            "inputs": {"width": 8, "height": 4, "batch_size": 1, "color": 0},
        },
        "2": {"class_type": "ResizeImageMaskNode", "inputs": given},
        "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 0]}},
    }


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "the input 'resize_type' (COMFY_DYNAMICCOMBO_V3) is missing"),
        ({"resize_type": "scale widht"}, "did you mean scale width?"),
        ({"resize_type": ["1", 0]}, "as it decides which inputs the node has"),
        ({"resize_type": "scale width"}, "the input 'resize_type.width' (INT) is missing"),
        (
            {"resize_type": "scale width", "resize_type__width": 20000},
            "input 'resize_type.width': expected at most 16384, found 20000",
        ),
        (
            {"resize_type": "scale width", "resize_type__width": 8, "resize_type__multiple": 8},
            "has no input 'resize_type.multiple'; it is ignored",
        ),
    ],
)
def test_what_an_option_brings_is_checked(inputs: dict[str, Any], message: str) -> None:
    graph = parse_graph(resize(**inputs), "graph.json")
    try:
        said = check(graph, catalogue()).warnings
    except GraphError as error:
        said = (str(error),)
    assert message in said[0]
    assert "\n" not in said[0]


def test_an_output_has_the_type_of_its_inputs() -> None:
    graph = resize(resize_type="scale width", resize_type__width=4)
    assert check(parse_graph(graph, "graph.json"), catalogue()).order == ("1", "2", "3")
    graph["1"] = {"class_type": "SolidMask", "inputs": {"value": 1, "width": 8, "height": 8}}
    with pytest.raises(GraphError, match=r"expected IMAGE, but output 0 of node 2 .* is MASK"):
        check(parse_graph(graph, "graph.json"), catalogue())
    graph["1"] = {"class_type": "PrimitiveInt", "inputs": {"value": 1}}
    with pytest.raises(GraphError, match=r"expected IMAGE,MASK, but output 0 of node 1 .* is INT"):
        check(parse_graph(graph, "graph.json"), catalogue())


def test_values_are_set_by_dotted_names() -> None:
    graph = parse_graph(resize(resize_type="scale width", resize_type__width=4), "graph.json")
    for assignment in ("2.resize_type.width=6", "ResizeImageMaskNode.resize_type.width=6"):
        node = with_values(graph, [assignment], catalogue()).nodes["2"]
        assert node.inputs["resize_type.width"] == 6
    with pytest.raises(
        GraphError, match=r"has no input 'resize_type.widht'; did you .* resize_type.width\?"
    ):
        with_values(graph, ["2.resize_type.widht=6"], catalogue())


def test_what_a_node_does_not_declare_is_passed_on(tmp_path: Path) -> None:
    choice = {"choice": "G", "index": ["2", 0], "option1": "R", "option2": "G"}
    nodes = {
        "1": ("CustomCombo", choice),
        "2": ("PrimitiveInt", {"value": 1}),
        "3": ("PreviewAny", {"source": ["1", 0]}),
        "4": ("PreviewAny", {"source": ["1", 1]}),
    }
    report = run_nodes(nodes, tmp_path)
    assert report.ok
    assert not report.warnings
    assert texts_of(report) == {"3": "G", "4": "1"}
    nodes["1"] = ("CustomCombo", {**choice, "index": ["9", 0]})
    with pytest.raises(GraphError, match="input 'index': linked to node 9, which does not exist"):
        run_nodes(nodes, tmp_path)
    nodes = {"1": ("PreviewAny", {"source": 1, "preview": "", "other": None, "third": 3})}
    assert [w.split(": ")[1] for w in run_nodes(nodes, tmp_path).warnings] == [
        "has no input 'third'; it is ignored"
    ]
