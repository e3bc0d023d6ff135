"""Nodes that check their inputs themselves, in `validate_inputs`, as in ComfyUI 0.33."""

from typing import Any

import pytest

from kinograph.engines.errors import GraphError
from kinograph.nodes.standin import io
from kinograph.workflows.graph.catalogue import Catalogue
from kinograph.workflows.graph.load import parse_graph
from kinograph.workflows.graph.plan import check

SEEN: list[Any] = []


class Source(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        outputs = [io.Int.Output(), io.Float.Output(), io.Image.Output()]
        return io.Schema("Source", outputs=outputs)


class _Sized(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = [
            io.Float.Input("a", min=0.0, max=1.0),
            io.Float.Input("b", min=0.0, max=1.0, optional=True),
        ]
        return io.Schema(cls.__name__, inputs=inputs, is_output_node=True)


class AsksForTypes(_Sized):
    @classmethod
    def validate_inputs(cls, input_types: Any) -> bool | str:  # type: ignore[override]
        SEEN.append(input_types)
        bad = [name for name, type_ in input_types.items() if type_ not in ("FLOAT", "INT")]
        return f"{bad[0]} is {input_types[bad[0]]}" if bad else True


class ChecksAll(_Sized):
    @classmethod
    def validate_inputs(cls, **values: Any) -> bool | str:
        SEEN.append(values)
        return values.get("b") != 7.0 or "no sevens"


class ChecksOne(_Sized):
    @classmethod
    def validate_inputs(cls, b: Any = "absent") -> bool | str:  # type: ignore[override]
        SEEN.append(b)
        return True


NODES = Catalogue({c.__name__: c for c in (Source, AsksForTypes, ChecksAll, ChecksOne)})


def checked(class_type: str, **inputs: Any) -> list[Any]:
    SEEN.clear()
    nodes = {
        "s": {"class_type": "Source", "inputs": {}},
        "n": {"class_type": class_type, "inputs": inputs},
    }
    check(parse_graph(nodes, "g.json"), NODES)
    return SEEN


def test_types_are_left_to_a_node_that_asks_for_them() -> None:
    assert checked("AsksForTypes", a=["s", 0], b=0.5) == [{"a": "INT"}]
    assert checked("AsksForTypes", a=["s", 1], b=["s", 0]) == [{"a": "FLOAT", "b": "INT"}]
    with pytest.raises(GraphError, match=r"node n \(AsksForTypes\): b is IMAGE"):
        checked("AsksForTypes", a=0.1, b=["s", 2])
    with pytest.raises(GraphError, match=r"expected FLOAT, but output 0 of node s .* is INT"):
        checked("ChecksAll", a=["s", 0])


def test_bounds_are_left_to_a_node_for_the_inputs_that_it_names() -> None:
    assert checked("ChecksAll", a=5, b=2.0) == [{"a": 5.0, "b": 2.0}]
    assert checked("ChecksAll", a=["s", 1]) == [{"a": None}]
    assert checked("ChecksOne", a=1.0, b=9.0) == [9.0]
    with pytest.raises(GraphError, match="no sevens"):
        checked("ChecksAll", a=0.0, b=7.0)
    with pytest.raises(GraphError, match=r"input 'a': expected at most 1.0, found 5.0"):
        checked("ChecksOne", a=5.0)
    with pytest.raises(GraphError, match=r"input 'a': expected at most 1.0, found 5.0"):
        checked("AsksForTypes", a=5.0)


def test_a_check_is_made_even_if_none_of_its_inputs_is_given() -> None:
    assert checked("ChecksOne", a=1.0) == ["absent"]
    assert checked("AsksForTypes", a=1.0) == [{}]
