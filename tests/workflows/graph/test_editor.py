"""Workflows of the editor become what the editor sends; anything else is a `GraphError`."""

import contextlib
import copy
import itertools
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from editor_cases import CASES, FOLDER, SHIPPED, case, definitions, meaning, recording
from kinograph.engines.errors import GraphError
from kinograph.nodes.standin import host
from kinograph.nodes.standin.io import Float, Int
from kinograph.workflows.graph.catalogue import catalogue
from kinograph.workflows.graph.editor.nodes import definitions_of, stepped
from kinograph.workflows.graph.editor.values import NamedNodes, chosen, expanded
from kinograph.workflows.graph.load import load_graph, parse_graph
from kinograph.workflows.graph.model import Graph, Link, graph_as_json
from kinograph.workflows.graph.plan import check
from kinograph.workflows.graph.shipped import MEDIA

IMAGE = {"name": "image", "type": "IMAGE"}


def node(id_: Any, type_: str, **entries: Any) -> dict[str, Any]:
    return {"id": id_, "type": type_, "mode": 0, **entries}


def workflow(*nodes: Any, links: Any = (), **entries: Any) -> dict[str, Any]:
    return {"nodes": list(nodes), "links": list(links), "version": 0.4, **entries}


def converted(data: Any) -> dict[str, Any]:
    return meaning(graph_as_json(parse_graph(data, "g.json", definitions())))


@pytest.mark.parametrize("name", CASES)
def test_each_rule_gives_what_the_editor_gave(name: str) -> None:
    assert converted(case(name)) == json.loads(recording(name).read_text())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_workflows_are_sound(path: Path) -> None:
    with host.using(host.Settings(inputs=(MEDIA,))):
        plan = check(load_graph(path), catalogue())
    assert plan.order
    assert not plan.problems
    assert not plan.warnings


def test_the_api_form_that_is_written_is_the_one_that_is_read() -> None:
    graph = parse_graph(case("values_of_many_kinds"), "g.json", definitions())
    written = json.loads(json.dumps(graph_as_json(graph)))
    assert written["2"]["inputs"]["number"] == {"__value__": [1, 2]}
    assert written["2"]["inputs"]["way"] == {"__value__": ["left", 0]}  # no link to a node "left"
    again = parse_graph(written, "g.json")
    assert {i: n.inputs for i, n in again.nodes.items()} == {
        i: n.inputs for i, n in graph.nodes.items()
    }


def test_titles_are_the_users_or_the_nodes() -> None:
    graph = parse_graph(
        workflow(node(1, "LoadVideo", title="Holiday"), node(2, "LoadVideo")), "g.json"
    )
    assert [n.title for n in graph.nodes.values()] == ["Holiday", "Load Video"]


def test_ids_are_in_the_order_of_javascript() -> None:
    nodes = [node(i, "LoadVideo") for i in ("b", 10, 9, "a", "2")]
    assert list(parse_graph(workflow(*nodes), "g.json").nodes) == ["2", "9", "10", "b", "a"]


def test_ids_of_very_many_digits_are_texts() -> None:
    long = "1" * 5000
    nodes = [node(i, "LoadVideo") for i in (long, "007", 2, 2**32)]
    graph = parse_graph(workflow(*nodes, last_node_id=10**4300 - 1), "g.json")
    assert list(graph.nodes) == ["2", long, "007", str(2**32)]
    twice = workflow(node(1, SUBGRAPH), definitions={"subgraphs": [inside(node(1, "LoadVideo"))]})
    twice["last_node_id"] = 10**4300 - 1
    assert list(parse_graph(twice, "g.json").nodes) == ["1:2"]


def test_a_class_that_is_not_here_is_read_from_the_file() -> None:
    shown = [{"name": n, "type": t, "widget": {"name": n}} for n, t in FOREIGN]
    inputs = [{**IMAGE, "link": 1}, *shown]
    source = node(7, "LoadImage", outputs=[{"name": "IMAGE", "type": "IMAGE", "links": [1]}])
    link = [1, 7, 0, 1, 0, "IMAGE"]
    for values in ([3, "fixed", "a", 0.5], [3, "a", 0.5], {"seed": 3, "way": "a", "share": 0.5}):
        foreign = node(1, "Foreign", inputs=inputs, widgets_values=values)
        graph = parse_graph(workflow(foreign, source, links=[link]), "g.json")
        assert graph.nodes["1"].inputs == {
            **{"image": Link("7", 0), "seed": 3, "way": "a", "share": 0.5}
        }
    named = {"seed": 3, "hidden": 1, "share": 2}
    foreign = node(1, "Foreign", inputs=inputs, widgets_values=[1] * 9, widgets_values_named=named)
    graph = parse_graph(workflow(foreign, source, links=[link]), "g.json")
    assert graph.nodes["1"].inputs == {"image": Link("7", 0), "seed": 3, "share": 2}


FOREIGN = (("seed", "INT"), ("way", "COMBO"), ("share", "FLOAT"))


def test_values_that_belong_to_nothing_known_are_refused_with_the_cure() -> None:
    foreign = node(4, "Foreign", inputs=[IMAGE], widgets_values=[1, 2, 3])
    message = r"g.json: node 4 \(Foreign\): there is no node class 'Foreign'.*--server URL"
    with pytest.raises(GraphError, match=message):
        parse_graph(workflow(foreign), "g.json")
    # It stands in nobody's way where it does not run.
    unused = {"subgraphs": [inside(foreign)]}
    assert parse_graph(workflow(node(1, "LoadVideo"), definitions=unused), "g.json")
    silent = [{**foreign, "mode": mode, "id": 10 + mode} for mode in (2, 4)]
    assert list(parse_graph(workflow(*silent, node(1, "LoadVideo")), "g.json").nodes) == ["1"]


def test_definitions_of_a_server_are_read_and_what_is_malformed_is_left_out() -> None:
    found = definitions_of(
        {
            "Good": {
                "input": {
                    "required": {"b": ["INT", {"default": 4}], "a": [["x", "y"]], "bad": 3},
                    "optional": {"c": ["FLOAT"], "d": ["IMAGE", {"tooltip": "t"}]},
                },
                "input_order": {"required": ["a", "b"], "optional": ["c", "d"]},
                "output": ["IMAGE", ["p", "q"]],
                "output_name": ["one", "two"],
                "output_node": True,
                "display_name": "A Good One",
            },
            "Bad": 3,
            "Worse": {"input": []},
        }
    )
    assert list(found) == ["Good"]
    good = found["Good"]
    assert [(s.id, s.io_type, s.optional) for s in good.inputs] == [
        *(("a", "COMBO", False), ("b", "INT", False), ("c", "FLOAT", True)),
        ("d", "IMAGE", True),
    ]
    assert [o.io_type for o in good.outputs] == ["IMAGE", "COMBO"]
    assert (good.display_name, good.is_output_node) == ("A Good One", True)
    assert good.inputs[0].options == ("x", "y")
    assert good.inputs[1].default == 4


@pytest.mark.parametrize(
    "entry",
    [
        {"input": {"required": {"a": ["INT"]}}, "input_order": [1]},
        {"input": {"required": {"a": ["INT"]}}, "input_order": {"required": 5}},
        {"input": {"required": {"a": ["INT"]}}, "input_order": {"required": [["x"], None]}},
        {"input": {"required": {"a": ["INT"]}}, "output": 5, "output_name": 7},
        {"input": {"required": {"a": ["INT", {"widgetType": ["x"]}]}}},
        {"input": {"required": {"a": ["INT", {"step": "0.1", "min": "x"}]}}},
        {"input": {"required": {"a": ["INT", {"step": -1}]}}},
    ],
)
def test_malformed_parts_of_a_definition_are_as_if_they_were_not_there(
    entry: dict[str, Any],
) -> None:
    found = definitions_of({"A": entry})
    socket = {"name": "a", "type": "INT", "widget": {"name": "a"}, "link": 1}
    data = workflow(
        node(1, "A", inputs=[socket]),
        node(2, "PrimitiveNode", outputs=[{"name": "o", "type": "INT"}], widgets_values=[3]),
        links=[[1, 2, 0, 1, 0, "INT"]],
    )
    assert parse_graph(data, "g.json", found).nodes["1"].inputs == {"a": 3}


SUBGRAPH = "6b1f1a52-0000-4000-8000-000000000001"


def inside(*nodes: Any, id_: str = SUBGRAPH, name: str = "Inner", **entries: Any) -> dict[str, Any]:
    return {"id": id_, "name": name, "nodes": list(nodes), "links": [], **entries}


def test_a_subgraph_that_only_passes_on_is_nothing() -> None:
    """The editor itself fails here."""
    through = inside(
        inputs=[{"name": "image", "type": "IMAGE", "linkIds": [1]}],
        outputs=[{"name": "IMAGE", "type": "IMAGE", "linkIds": [1]}],
    )
    through["links"] = [
        {"id": 1, "origin_id": -10, "origin_slot": 0, "target_id": -20, "target_slot": 0}
    ]
    data = workflow(
        node(1, "LoadImage", widgets_values=["a.png"]),
        node(2, SUBGRAPH, inputs=[{**IMAGE, "link": 1}]),
        node(3, SUBGRAPH, inputs=[{**IMAGE, "link": 2}]),
        node(4, "PreviewImage", inputs=[{"name": "images", "type": "IMAGE", "link": 3}]),
        links=[[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"], [3, 3, 0, 4, 0, "IMAGE"]],
        definitions={"subgraphs": [through]},
    )
    assert converted(data)["4"]["inputs"] == {"images": ["1", 0]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (workflow(), "there is nothing to run"),
        (workflow(node(1, "Note")), "there is nothing to run"),
        (workflow(3), "nodes: expected one object per node, found 3"),
        (workflow({"type": "LoadVideo"}), "a node: id: expected a number or a string, found null"),
        (workflow({"id": 1}), "node 1: type: expected a string, found null"),
        (
            workflow(node(1, "LoadVideo", widgets_values="clip")),
            r'node 1 \(LoadVideo\): widgets_values: expected a list or an object, found "clip"',
        ),
        (workflow(node(1, "LoadVideo", inputs={})), r"node 1 .*: inputs: expected a list, found"),
        (workflow({**node(1, "X"), "mode": "2"}), r"mode: expected a number \(2: muted"),
        (workflow(node(1, "X"), node(1, "Y")), r"node 1 \(Y\): expected a unique id"),
        (workflow(node(1, "X"), links=[[1, 2]]), r"links: expected \[id, origin, .*found \[1, 2\]"),
        (
            workflow(node(1, "X"), links=[[1, 2, "a", 4, 5, "*"]]),
            'links, link 1: origin slot: expected a number, found "a"',
        ),
        (
            workflow(
                node(1, "PreviewImage", inputs=[{"name": "images", "type": "IMAGE", "link": 5}]),
                links=[[5, 99, 0, 1, 0, "IMAGE"]],
            ),
            r"node 1 \(PreviewImage\): link 5 comes from node 99, which does not exist",
        ),
        (
            workflow(
                node(1, "Reroute", inputs=[{"name": "", "type": "*", "link": 1}], outputs=[IMAGE]),
                node(2, "Reroute", inputs=[{"name": "", "type": "*", "link": 2}], outputs=[IMAGE]),
                node(3, "PreviewImage", inputs=[{"name": "images", "type": "IMAGE", "link": 3}]),
                links=[[1, 2, 0, 1, 0, "*"], [2, 1, 0, 2, 0, "*"], [3, 1, 0, 3, 0, "*"]],
            ),
            r"node . \(Reroute\): the links form a cycle",
        ),
        (
            workflow(node(1, SUBGRAPH), definitions={"subgraphs": [inside(node(2, SUBGRAPH))]}),
            "the subgraph Inner contains itself",
        ),
        (
            workflow(node(1, "workflow>mine")),
            "is a group node of an older editor; open the file in",
        ),
        (
            workflow(node(1, SUBGRAPH), definitions={"subgraphs": [inside(3)]}),
            "subgraph Inner: nodes: expected one object per node",
        ),
        (workflow(node(1, "X"), definitions=[1]), "definitions: expected an object, found"),
        (workflow(node(10**400, "X")), "a node: id: expected a number of at most 64 bits"),
    ],
)
def test_what_is_wrong_is_said(data: Any, message: str) -> None:
    with pytest.raises(GraphError, match=message) as caught:
        parse_graph(data, "g.json")
    assert str(caught.value).startswith("g.json: ")


def test_subgraphs_that_unfold_without_end_are_refused() -> None:
    ids = [f"6b1f1a52-0000-4000-8000-0000000001{i:02}" for i in range(40)]
    levels = [inside(node(1, b), node(2, b), id_=a) for a, b in itertools.pairwise(ids)]
    levels.append(inside(node(1, "LoadVideo"), id_=ids[-1]))
    with pytest.raises(GraphError, match="more than 100,000 nodes once subgraphs are expanded"):
        parse_graph(workflow(node(1, ids[0]), definitions={"subgraphs": levels}), "g.json")
    deep = [f"{i:08x}-0000-4000-8000-000000000000" for i in range(2000)]
    levels = [inside(node(1, b), id_=a) for a, b in itertools.pairwise(deep)]
    with pytest.raises(GraphError, match="subgraphs are nested more than 100 deep"):
        parse_graph(workflow(node(1, deep[0]), definitions={"subgraphs": levels}), "g.json")


def primitives(count: int) -> dict[str, Any]:
    """Return a primitive for each of as many nodes."""
    number = {"name": "o", "type": "INT"}
    seed = {"name": "seed", "type": "INT", "widget": {"name": "seed"}}
    nodes, links = [], []
    for i in range(count):
        nodes.append(node(2 * i, "PrimitiveNode", outputs=[number], widgets_values=[i]))
        nodes.append(node(2 * i + 1, "KSampler", inputs=[{**seed, "link": i}]))
        links.append([i, 2 * i, 0, 2 * i + 1, 0, "INT"])
    return workflow(*nodes, links=links)


def promoted(count: int) -> dict[str, Any]:
    """Return a subgraph that shows as many widgets."""
    nodes = [node(i, "KSampler") for i in range(count)]
    shown = {"proxyWidgets": [[str(i), "seed"] for i in range(count)]}
    use = node(1, SUBGRAPH, properties=shown, widgets_values=[*range(count)])
    return workflow(use, definitions={"subgraphs": [inside(*nodes)]})


@pytest.mark.timeout(60)  # what grows with the square takes many minutes
@pytest.mark.parametrize(
    ("make", "count"), [(primitives, 10_000), (promoted, 5_000)], ids=["primitives", "promoted"]
)
def test_conversion_takes_time_in_proportion_to_the_graph(
    make: Callable[[int], dict[str, Any]], count: int
) -> None:
    info = {"KSampler": {"input": {"required": {"seed": ["INT"]}}, "output": []}}
    graph = parse_graph(make(count), "g.json", definitions_of(info))
    values = [node.inputs["seed"] for node in graph.nodes.values()]
    assert sorted(values) == [*range(count)]


def test_a_graph_of_a_million_nodes_is_refused() -> None:
    entry = node(1, "A")
    message = r"g\.json: expected at most 100,000 nodes, found 1,000,000"
    with pytest.raises(GraphError, match=message):
        parse_graph(workflow(*[entry] * 1_000_000), "g.json")
    with pytest.raises(GraphError, match=message):
        parse_graph({str(i): {} for i in range(1_000_000)}, "g.json")


def test_a_long_chain_of_reroutes_is_followed() -> None:
    count = 5000
    chain = [
        node(i, "Reroute", inputs=[{"name": "", "type": "*", "link": i}]) for i in range(1, count)
    ]
    links = [[i, i - 1, 0, i, 0, "IMAGE"] for i in range(1, count + 1)]
    sink = node(count, "PreviewImage", inputs=[{"name": "images", "type": "IMAGE", "link": count}])
    data = workflow(node(0, "LoadImage"), *chain, sink, links=links)
    assert converted(data)[str(count)]["inputs"] == {"images": ["0", 0]}


def test_numbers_from_a_primitive_are_put_on_the_widgets_step() -> None:
    assert stepped(7.5, Int.Input("i")) == 8
    assert stepped(-7.5, Int.Input("i")) == -7  # as JavaScript rounds
    assert stepped(37, Int.Input("i", step=16)) == 32
    assert stepped(37, Int.Input("i", step=16, min=8)) == 40
    assert stepped("words", Int.Input("i")) == "words"
    assert stepped(10**400, Int.Input("i")) == 10**400
    assert stepped(0.26, Float.Input("f", step=0.1)) == 0.3
    for step in (-0.1, 1e-320, float("inf"), float("nan")):  # no steps at all: as the editor's own
        assert stepped(0.26, Float.Input("f", step=step)) == 0.3


def test_names_of_files_are_expanded() -> None:
    known = NamedNodes()
    known.add("Seed", "", {"seed": 7})
    known.add("", "Seed", {"seed": 8})
    known.add("x", "t", {})
    assert expanded("%Seed.seed%_%t.gone%_%no.way%_%width%_100%", known) == (
        "7_%t.gone%_%no.way%_%width%_100%"
    )
    known.add("A", "", {"f": 2.0, "b": True, "p": "a/b:c", "n": None, "o": 0.25})
    assert expanded("%A.f%,%A.b%,%A.p%,%A.n%,%A.o%", known) == "2,true,a_b_c,,0.25"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d/\d\d", expanded("%date:yyyy-MM-dd%/%date:yy%", known))


def test_a_prompt_takes_one_of_its_choices() -> None:
    random.seed(0)
    found = {chosen("a {red|{deep |}blue} cat // no") for _ in range(200)}
    assert found == {"a red cat ", "a deep blue cat ", "a blue cat "}
    assert chosen(r"\{kept\} /* gone */{one}") == "{kept} one"


def test_what_is_nested_beyond_any_use_is_refused(tmp_path: Path) -> None:
    """Before anything that calls itself for each level meets it."""
    for levels, ends in (
        (150, ""),
        (201, "nested more than 200"),
        (100_000, "nested more than 200"),
    ):
        path = tmp_path / "g.json"
        deep = "[" * levels + "]" * levels
        path.write_text(f'{{"1": {{"class_type": "LoadVideo", "inputs": {{"file": {deep}}}}}}}')
        with pytest.raises(GraphError, match=ends) if ends else contextlib.nullcontext():
            assert json.dumps(graph_as_json(load_graph(path)), indent=2)


# What a file may hold where something else is expected.
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(2**70), 0, -1, -10, -20, 2, 4, 9_999])
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([SUBGRAPH, "Reroute", "PrimitiveNode", "FormSink", "IMAGE", "*", "6", "12"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "type", "nodes", "links", "inputs", "link", "name"])
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
ANY_FORM = [
    *(case(name) for name in CASES),
    *(json.loads(path.read_text()) for path in SHIPPED),
    *(
        json.loads(path.read_text())
        for path in sorted((FOLDER.parents[2] / "workflows/api").glob("*.json"))
    ),
]


def attempted(data: Any) -> None:
    """Conversion and checking end in a graph or a `GraphError`."""
    with contextlib.suppress(GraphError):
        graph = parse_graph(data, "g.json", definitions())
        assert isinstance(graph, Graph)
        json.dumps(graph_as_json(graph))
        check(graph, catalogue())


@FUZZ
@given(JSON, JSON, JSON)
def test_arbitrary_json_never_gives_anything_else(nodes: Any, links: Any, more: Any) -> None:
    attempted(nodes)
    attempted({"nodes": [nodes] if not isinstance(nodes, list) else nodes, "links": links})
    attempted({"nodes": [node(1, SUBGRAPH)], "definitions": {"subgraphs": [more]}, "links": links})


@FUZZ
@given(st.data())
def test_damaged_graphs_never_give_anything_else(data: st.DataObject) -> None:
    graph = copy.deepcopy(data.draw(st.sampled_from(ANY_FORM)))
    for _ in range(data.draw(st.integers(1, 4))):
        damage(graph, data)
    attempted(graph)


def damage(graph: Any, data: st.DataObject) -> None:
    """Replace, remove or move one entry, anywhere."""
    spots = list(places(graph))
    holder, key = data.draw(st.sampled_from(spots))
    action = data.draw(st.sampled_from(["replace", "remove", "swap", "deepen"]))
    if action == "replace":
        holder[key] = data.draw(JSON)
    elif action == "remove":
        del holder[key]
    elif action == "swap":
        other, at = data.draw(st.sampled_from(spots))
        if is_reachable(graph, other, at):
            holder[key] = copy.deepcopy(other[at])
    else:
        for _ in range(70):  # three times is too deep for a graph, and not yet for a copy
            holder[key] = [holder[key]]


def places(value: Any) -> Any:
    """Every entry of every object and list, as its holder and its key."""
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
            yield holder, key
            if isinstance(holder[key], (dict, list)) and holder[key]:
                waiting.append(holder[key])


def is_reachable(graph: Any, holder: Any, key: Any) -> bool:
    return (key in holder) if isinstance(holder, dict) else key < len(holder)


@FUZZ
@given(st.data())
def test_links_that_run_anywhere_never_give_anything_else(data: st.DataObject) -> None:
    """Cycles through reroutes, bypassed nodes and subgraphs, which damage alone seldom makes."""
    graph = copy.deepcopy(data.draw(st.sampled_from([g for g in ANY_FORM if "nodes" in g])))
    inner = graph.get("definitions", {}).get("subgraphs", [])
    for canvas in (graph, *inner):
        ids = [n["id"] for n in canvas["nodes"]] + ([-10, -20] if canvas is not graph else [])
        for entry in canvas["nodes"]:
            entry["mode"] = data.draw(st.sampled_from([0, 0, 2, 4]))
            kind = data.draw(st.sampled_from(["", "", "Reroute", "PrimitiveNode", "sub"]))
            if kind == "sub" and inner:
                entry["type"] = data.draw(st.sampled_from(inner))["id"]
            elif kind in ("Reroute", "PrimitiveNode"):
                entry["type"] = kind
        for link in canvas["links"]:
            names = (
                (1, 2, 3, 4)
                if isinstance(link, list)
                else ("origin_id", "origin_slot", "target_id", "target_slot")
            )
            for i, name in enumerate(names):
                link[name] = data.draw(st.sampled_from(ids) if i % 2 == 0 else st.integers(0, 4))
    attempted(graph)
