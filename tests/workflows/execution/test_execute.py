"""Execution headless: what is kept and dropped, errors, reports. tests/comfyui/test_same_results.py
compares the rules with a real ComfyUI's."""

import asyncio
import gc
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kinograph.engines.errors import GraphError
from kinograph.nodes.standin import host
from kinograph.nodes.standin.graph_builder import GraphBuilder, add_graph_prefix
from kinograph.workflows.execution import caching
from kinograph.workflows.execution.caching import ResultCache
from kinograph.workflows.execution.report import Report
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.load import parse_graph
from recording_nodes import CALLS, NODES, alive


def graph_of(**nodes: str) -> dict[str, Any]:
    """n1="Next name='b' of=n0": a link where the value is the name of a node."""
    graph = {}
    for id_, text in nodes.items():
        class_type, *given = text.split()
        inputs: dict[str, Any] = {}
        for part in given:
            name, _, value = part.partition("=")
            inputs[name] = [value, 0] if value in nodes else json.loads(value)
        graph[id_] = {"class_type": class_type, "inputs": inputs}
    return graph


@pytest.fixture(scope="module", autouse=True)
def nothing_older() -> Iterator[None]:
    """Collecting garbage does not look through all that other tests have left in memory."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Report]:
    CALLS.clear()
    gc.collect()  # the error of the test before holds what its frames held

    def run(_cache: ResultCache | None = None, _graph: Any = None, **nodes: str) -> Report:
        settings = host.Settings(output=tmp_path, device="cpu")
        graph = parse_graph(_graph or graph_of(**nodes), "g.json")
        return run_graph(graph, settings, nodes=NODES, cache=_cache)

    return run


CHAIN = {
    "a": 'Make name="a"',
    "b": 'Next name="b" of=a',
    "c": 'Next name="c" of=b',
    "k": "Keep what=c",
}


def test_a_result_goes_after_its_last_use(run: Callable[..., Report]) -> None:
    assert run(**CHAIN).ok
    assert [call[2] for call in CALLS] == [[], ["a"], ["b"], ["c"]]
    assert alive() == []


def test_a_branch_that_nobody_takes_holds_nothing(run: Callable[..., Report]) -> None:
    """`b` is never run, so `a` has no reader when Choose is done; `d` shows what is left then."""
    report = run(
        a='Make name="a"',
        b='Next name="b" of=a',
        c='Make name="c"',
        choice="Choose first=false a=b b=c",
        k="Keep what=choice",
        d='Next name="d" of=a',
        e="Keep what=d",
        f='Make name="f"',
        g="Keep what=f",
    )
    assert report.ok
    assert "b" not in [run.id for run in report.nodes]
    assert CALLS[-2] == ("make", "f", [])


def test_a_cache_keeps_the_results_of_the_last_run(run: Callable[..., Report]) -> None:
    cache = ResultCache(graphs=1)
    first = run(cache, **CHAIN)
    assert alive() == ["a", "b", "c"]
    again = run(cache, **CHAIN)
    assert all(node.cached for node in again.nodes)
    assert [node.id for node in again.nodes] == ["a", "b", "c", "k"]
    assert (again.files, len(first.files)) == ((), 1)
    assert again.nodes[-1].text == first.nodes[-1].text == "kept_00001_.txt"
    changed = run(cache, **{**CHAIN, "c": 'Next name="C" of=b'})
    assert [(node.id, node.cached) for node in changed.nodes] == [
        *[("a", True), ("b", True), ("c", False), ("k", False)]
    ]
    assert alive() == ["C", "a", "b"]  # "c" went: it is not of the last graph
    run(cache, x='Make name="x"', k="Keep what=x")
    assert alive() == ["x"]
    cache.clear()
    assert alive() == []
    assert len(cache) == 0


@pytest.mark.parametrize("short", [False, True])
def test_a_cache_reaches_back_over_several_graphs(
    run: Callable[..., Report], monkeypatch: pytest.MonkeyPatch, short: bool
) -> None:
    """Where memory is short, it keeps the results of the last one only."""
    monkeypatch.setattr(caching, "_memory_is_short", lambda: short)
    cache = ResultCache(graphs=3)

    def is_cached(name: str) -> bool:
        return run(cache, a=f'Make name="{name}"', k="Keep what=a").nodes[-1].cached

    assert [is_cached(name) for name in ("x", "y", "z")] == [False] * 3
    assert [is_cached(name) for name in ("x", "y", "z")] == [not short] * 3
    assert [is_cached(name) for name in ("v", "y")] == [False, not short]
    assert not is_cached("x")  # three graphs came after it
    assert alive() == (["x"] if short else ["v", "x", "y"])


def test_a_hundred_graphs_leave_the_results_of_the_last_four(run: Callable[..., Report]) -> None:
    cache = ResultCache()
    gc.disable()  # nothing waits for the collection of garbage
    try:
        for i in range(100):
            nodes = {"a": f'Make name="{i}"', "l": "Later what=a", "n": f'Next name="n{i}" of=l'}
            assert run(cache, **nodes, k="Keep what=n").ok
            CALLS.clear()  # which hold what they were given
            assert len(alive()) <= 8
            assert {f"{i}", f"n{i}"} <= set(alive())
            assert len(cache) <= 16
    finally:
        gc.enable()


def test_twins_list_the_same_file(run: Callable[..., Report]) -> None:
    report = run(a='Make name="a"', k="Keep what=a", twin="Keep what=a")
    (path,) = report.files
    assert [(n.id, n.cached, n.files) for n in report.nodes if n.is_output] == [
        ("k", False, (path,)),
        ("twin", True, (path,)),
    ]


def test_another_output_folder_gets_its_own_files(tmp_path: Path) -> None:
    cache = ResultCache()
    graph = parse_graph(graph_of(**CHAIN), "g.json")
    for name in ("one", "two"):
        settings = host.Settings(output=tmp_path / name, device="cpu")
        report = run_graph(graph, settings, nodes=NODES, cache=cache)
        assert [path.name for path in report.files] == ["kept_00001_.txt"]
    cached = [(node.id, node.cached) for node in report.nodes]
    assert cached == [("a", True), ("b", True), ("c", True), ("k", False)]


def test_what_was_done_before_an_error_is_kept(run: Callable[..., Report]) -> None:
    report = run(**CHAIN, z='Fail how="user"', last="Keep what=a")
    assert not report.ok
    assert report.errors == ("node z (Fail): what: expected another one",)
    assert report.warnings == ("node z (Fail): about to fail",)
    assert [path.read_text() for path in report.files] == ["c"]  # "never" was not written
    assert [node.id for node in report.nodes] == ["a", "b", "c", "k"]
    said = report.as_dict()
    assert said["errors"] == [
        {"node": "z", "input": "", "message": "node z (Fail): what: expected another one"}
    ]
    assert (said["ok"], said["graph"], said["device"]) == (False, "g.json", "cpu")


def test_a_bad_output_is_left_out_and_said(run: Callable[..., Report]) -> None:
    report = run(**CHAIN, z='Fail how="otherwise"', y="Keep")
    assert not report.ok
    assert len(report.files) == 1
    assert [(p.node, p.input) for p in report.problems] == [("z", "how"), ("y", "what")]
    assert "expected one of user, defect" in report.errors[0]


def test_nothing_to_run_is_an_error(run: Callable[..., Report]) -> None:
    with pytest.raises(GraphError, match=r"g.json: node y \(Keep\): the input 'what'"):
        run(y="Keep")


def test_a_defect_is_not_called_a_mistake(run: Callable[..., Report]) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run(z='Fail how="defect"')
    assert vars(caught.value)["__notes__"] == ["node z (Fail)"]
    with pytest.raises(TypeError, match="expected a NodeOutput"):
        run(z="Wrong")


def test_a_failure_names_graph_and_node(run: Callable[..., Report]) -> None:
    failure = run(**CHAIN, z='Fail how="user"').failure
    assert isinstance(failure, GraphError)
    assert str(failure).startswith("g.json: node z (Fail): what: expected")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("class", "its graph needs a node class 'Nothing'"),
        ("taken", "its graph has a node '1', but this id is taken"),
        ("dangling", "its graph links to node y, which does not exist"),
        ("missing", "its graph's Next x lacks the input 'of'"),
        ("fails", r"node x \(Fail\), made by node 1 \(Expand\): what: expected another one"),
    ],
)
def test_graphs_that_nodes_make_are_checked(
    run: Callable[..., Report], how: str, message: str
) -> None:
    nodes = {"1": f'Expand how="{how}"', "2": "Keep what=1"}
    report = run(**nodes)
    assert not report.ok
    assert report.problems[0].node == "1"
    assert re.search(message, report.errors[0]), report.errors


def test_an_expansion_stands_for_its_node(run: Callable[..., Report]) -> None:
    report = run(**{"1": 'Expand how=""', "2": "Keep what=1"})
    assert [path.read_text() for path in report.files] == ["made"]
    assert [node.id for node in report.nodes] == ["1.0.0.1", "1", "2"]
    assert alive() == []


@pytest.mark.parametrize("rounds", [1, 4])
def test_a_loop_by_expansion_runs(run: Callable[..., Report], rounds: int) -> None:
    """Its end gets the link to its beginning, and finds what lies between in the running graph."""
    raw = graph_of(
        s='Make name="s"',
        open=f"LoopOpen left={rounds} value=s",
        body='Next name="n"',
        close="LoopClose",
        k="Keep what=close",
    )
    raw["body"]["inputs"]["of"] = ["open", 2]
    raw["close"]["inputs"] = {"loop": ["open", 0], "left": ["open", 1], "value": ["body", 0]}
    report = run(_graph=raw)
    assert report.ok
    assert [call for call in CALLS if call[0] == "round"] == [
        ("round", left) for left in range(rounds, 0, -1)
    ]
    assert len([call for call in CALLS if call[0] == "next"]) == rounds
    assert [path.read_text() for path in report.files] == ["n"]


def test_a_graph_that_a_node_builds_can_be_changed() -> None:
    graph = GraphBuilder("p.")
    make, keep = graph.node("Make", "a", name="x"), graph.node("Keep", what=["p.a", 0])
    graph.node("Keep", "b", what=["p.a", 0], other=["p.a", 1])
    assert graph.lookup_node("a") is make
    assert graph.lookup_node("gone") is None
    assert (make.get_input("name"), make.get_input("gone")) == ("x", None)
    keep.set_override_display_id("7")
    graph.replace_node_output("a", 0, ["q", 2])
    graph.replace_node_output("a", 1, None)
    graph.remove_node("a")
    assert graph.finalize() == {
        "p.1": {
            "class_type": "Keep",
            "inputs": {"what": ["q", 2]},
            "override_display_id": "7",
        },
        "p.b": {"class_type": "Keep", "inputs": {"what": ["q", 2]}},
    }
    assert add_graph_prefix(graph.finalize(), [["p.b", 0], 3], "z.") == (
        {
            "z.p.1": {"class_type": "Keep", "inputs": {"what": ["z.q", 2]}},
            "z.p.b": {"class_type": "Keep", "inputs": {"what": ["z.q", 2]}},
        },
        (["z.p.b", 0], 3),
    )


def test_an_empty_list_is_an_error_that_names_both(run: Callable[..., Report]) -> None:
    report = run(n="Numbers count=0", k="Keep what=n")
    assert report.errors == (
        "node k (Keep): input 'what': node n (Numbers) returned an empty list",
    )
    assert report.problems[0].input == "what"


def test_a_blocker_is_said_once(run: Callable[..., Report]) -> None:
    cache = ResultCache()
    for _ in range(2):  # the second time from the cache
        report = run(cache, b="Blocks", n='Next name="n" of=b', k="Keep what=n")
        assert report.ok
        assert report.files == ()
        assert report.warnings == ("node n (Next): not run: no such day",)


def test_asynchronous_nodes_run_under_the_settings(run: Callable[..., Report]) -> None:
    nodes = {"n": "Numbers count=3", "l": "Later what=n", "k": "Keep what=l"}
    assert len(run(**nodes).files) == 3

    async def inside() -> Report:
        return run(**nodes)  # where an event loop runs already

    assert len(asyncio.run(inside()).files) == 3
    assert [call for call in CALLS if call[0] == "later"] == [
        ("later", i, "cpu") for i in (0, 1, 2, 0, 1, 2)
    ]


def test_hidden_inputs(run: Callable[..., Report], tmp_path: Path) -> None:
    raw = graph_of(w='WhoAmI seed="3"', v="WhoAmI seed=3")
    run_graph(parse_graph(raw, "g"), host.Settings(output=tmp_path), nodes=NODES)
    assert [call[0] for call in CALLS] == ["w", "v"]  # twins but for what they ask
    _, prompt, extra = CALLS[0]
    assert extra is None
    assert prompt["w"]["inputs"] == {"seed": 3}
    assert prompt["v"]["class_type"] == "WhoAmI"


def test_bars_carry_the_titles(tmp_path: Path) -> None:
    raw = graph_of(**CHAIN)
    raw["b"]["_meta"] = {"title": "My own"}
    bars = []

    def progress(title: str, total: int) -> Callable[[int], None]:
        return lambda done: bars.append((title, total, done))

    graph = parse_graph(raw, "g")
    run_graph(graph, host.Settings(output=tmp_path), nodes=NODES, progress=progress)
    assert bars == [("My own", 2, 2), ("Next", 2, 2)]


def test_a_deep_graph_runs(run: Callable[..., Report]) -> None:
    nodes = {"n0": 'Make name="n0"'}
    nodes |= {f"n{i}": f'Next name="n{i}" of=n{i - 1}' for i in range(1, 1500)}
    report = run(**nodes, k="Keep what=n1499")
    assert [path.read_text() for path in report.files] == ["n1499"]


def test_the_report_describes_the_files(run: Callable[..., Report]) -> None:
    report = run(**CHAIN)
    said = report.as_dict()
    (file,) = said["files"]
    assert file["bytes"] == 1
    assert file["sha256"] == (
        "2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6"  # of "c"
    )
    (output,) = said["outputs"]
    assert output["files"] == [file]
    assert (output["node"], output["text"], output["cached"]) == ("k", "kept_00001_.txt", False)
    assert [node["class"] for node in said["nodes"]] == ["Make", "Next", "Next", "Keep"]
    json.dumps(said)
