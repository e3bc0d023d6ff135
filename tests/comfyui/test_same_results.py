"""Execution by ComfyUI's rules: the same graphs in a real ComfyUI and headless, call by call."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import semantics_pack
from comfyui_server import ComfyUI, ComfyUIError
from kinograph.engines.errors import GraphError
from kinograph.nodes.standin import host
from kinograph.workflows.execution.caching import ResultCache
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.catalogue import Catalogue
from kinograph.workflows.graph.load import parse_graph

pytestmark = pytest.mark.comfyui
NODES = Catalogue({node.define_schema().node_id: node for node in semantics_pack.NODES})


@dataclass(frozen=True)
class Seen:
    """A run: its calls sorted, what each node showed, and the id of the node that failed."""

    calls: tuple[str, ...]
    shown: dict[str, Any]
    failed: str = ""


def graph_of(case: str, text: dict[str, str]) -> dict[str, Any]:
    """Return a graph from lines such as {"3": "Add a=1/0 b=5"}: SemAdd, a linked to output 0 of 1.

    The name of the case becomes part of the nodes' names, so that no case hits another's cache.
    """
    graph = {}
    for id_, line in text.items():
        kind, *given = line.split()
        inputs: dict[str, Any] = {"name": f"{case} {id_}"}
        for part in given:
            name, _, value = part.partition("=")
            source, slash, slot = value.partition("/")
            if slash and slot.isdigit() and source in text:
                inputs[name] = [source, int(slot)]
            else:
                inputs[name] = json.loads(value.replace("_", " "))
        graph[id_] = {"class_type": f"Sem{kind}", "inputs": inputs}
    return graph


# Graphs to run one after the other, by rule.
CASES: dict[str, list[dict[str, str]]] = {
    "only ancestors of outputs run": [
        {
            "1": "Number value=1",
            "2": "Number value=2",
            "3": "Add a=1/0 b=5",
            "4": "Show value=3/0",
            "5": "Add a=2/0 b=2/0",
        }
    ],
    "a list goes element by element, the last one again": [
        {
            "1": 'List numbers="1_2_3"',
            "2": 'List numbers="10_20"',
            "3": "Add a=1/0 b=2/0",
            "4": "Add a=3/0 b=100",
            "5": "Show value=4/0",
            "6": "Show value=1/1",
        }
    ],
    "a node that takes lists": [
        {
            "1": 'List numbers="1_2_3"',
            "2": "Whole a=1/0",
            "3": "Show value=2/0",
            "4": "Show value=2/1",
            "5": "Show value=2/2",
            "6": "Whole a=5 b=1/0",
            "7": "Show value=6/1",
        }
    ],
    "an empty list": [{"1": 'List numbers=""', "2": "Add a=1/0 b=1", "3": "Show value=2/0"}],
    "an empty list for who takes lists": [
        {"1": 'List numbers=""', "2": "Whole a=1/0", "3": "Show value=2/1"}
    ],
    "a lazy input": [
        {
            "1": "Number value=1",
            "2": "Number value=2",
            "3": "Switch first=false a=1/0 b=2/0",
            "4": "Show value=3/0",
        }
    ],
    "a lazy input that is not connected": [
        {"1": "Number value=1", "3": "Switch first=false a=1/0", "4": "Show value=3/0"}
    ],
    "a lazy input that is typed in": [
        {"2": "Number value=2", "3": "Switch first=true a=4 b=2/0", "4": "Show value=3/0"}
    ],
    "lazy inputs asked for one after the other": [
        {
            "1": "Number value=1",
            "2": "Number value=2",
            "3": "Number value=3",
            "4": "Stepwise a=1/0 b=2/0 c=3/0",
            "5": "Stepwise a=1/0 b=3/0 c=2/0",
            "6": "Show value=4/0",
            "7": "Show value=5/0",
        }
    ],
    "lazy inputs of a list": [
        {
            "1": 'List numbers="1_2_3"',
            "2": "Number value=5",
            "3": "Number value=7",
            "4": "Stepwise a=1/0 b=2/0 c=3/0",
            "5": "Show value=4/0",
        }
    ],
    "a lazy input that nobody asks for": [
        {"1": "Number value=1", "2": "NeverAsks a=1/0", "3": "Show value=2/0"}
    ],
    "fewer values than outputs": [{"1": "Few", "2": "Show value=1/0", "3": "Show value=1/1"}],
    "expansion": [{"1": "Number value=3", "2": "Expand value=1/0 depth=1", "3": "Show value=2/0"}],
    "expansion within expansion": [
        {"2": "Expand value=5 depth=3", "3": "Show value=2/0", "4": "Show value=2/1"}
    ],
    "expansion of a list": [
        {"1": 'List numbers="1_2"', "2": "Expand value=1/0 depth=2", "3": "Show value=2/0"}
    ],
    "expansion of some elements only": [
        {
            "1": 'List numbers="1_0_2"',
            "2": "Expand value=10 depth=1/0",
            "3": "Show value=2/0",
            "4": "Show value=2/1",
        }
    ],
    "output nodes in an expansion": [
        {"1": "ExpandShow value=4", "2": "Show value=1/0"},
        {"1": "ExpandShow value=4", "2": "Show value=1/0"},
    ],
    "two expansions alike": [
        {
            "1": "Expand value=1 depth=1",
            "2": "Expand value=1 depth=2",
            "3": "Show value=1/0",
            "4": "Show value=2/0",
        }
    ],
    "a cycle that comes with an expansion": [
        {"1": "ExpandCycle value=1", "2": "Show value=1/0"},
    ],
    "an expansion that changes": [
        {"2": "Expand value=5 depth=2", "3": "Show value=2/0"},
        {"2": "Expand value=5 depth=3", "3": "Show value=2/0"},
        {"2": "Expand value=5 depth=2", "3": "Show value=2/0"},
    ],
    "a blocker with words": [
        {
            "1": 'Block value=1 how="words"',
            "2": "Add a=1/0 b=1",
            "3": "Show value=2/0",
            "4": "Number value=1",
            "5": "Show value=4/0",
        }
    ],
    "a silent blocker stops one output": [
        {"1": 'Block value=1 how="silent"', "2": "Show value=1/0", "3": "Show value=1/1"}
    ],
    "a blocker for some elements": [
        {
            "1": 'List numbers="1_2_3_4"',
            "2": 'Block value=1/0 how="odd"',
            "3": "Add a=2/0 b=1",
            "4": "Show value=3/0",
            "5": "Show value=2/1",
        }
    ],
    "a blocker among whole lists": [
        {
            "1": 'List numbers="1_2"',
            "2": 'Block value=1/0 how="odd"',
            "3": "Whole a=2/0",
            "4": "Show value=3/1",
        }
    ],
    "asynchronous nodes": [
        {
            "1": 'List numbers="3_1_2"',
            "2": "Later value=1/0",
            "3": "Later value=2/0",
            "4": "Show value=3/0",
        }
    ],
    "nodes alike are run once": [
        {
            "1": "Number value=1",
            "2": "Show value=1/0",
        },
    ],
    "results stay": [
        {"1": "Number value=1", "2": "Add a=1/0 b=1", "3": "Show value=2/0"},
        {"1": "Number value=1", "2": "Add a=1/0 b=1", "3": "Show value=2/0"},
        {"1": "Number value=1", "2": "Add a=1/0 b=2", "3": "Show value=2/0"},
        {"1": "Number value=2", "2": "Add a=1/0 b=2", "3": "Show value=2/0"},
        {"1": "Number value=1", "2": "Add a=1/0 b=2", "3": "Show value=2/0"},
    ],
    "results stay under another id": [
        {"1": "Number value=1", "2": "Show value=1/0"},
        {"1": "Number value=1", "2": "Show value=1/0", "4": "Add a=1/0 b=1", "5": "Show value=4/0"},
        {"5": "Show value=3"},
        {"1": "Number value=1", "2": "Show value=1/0"},
    ],
    "results of a lazy branch": [
        {"1": "Number value=1", "3": "Switch first=true a=1/0", "4": "Show value=3/0"},
        {
            "1": "Number value=1",
            "2": "Add a=1/0 b=1",
            "3": "Switch first=false a=1/0 b=2/0",
            "4": "Show value=3/0",
        },
    ],
    "never the result of another": [
        {"1": "Own value=1", "2": "Show value=1/0"},
        {"1": "Own value=1", "2": "Show value=1/0"},
    ],
    "always anew": [
        {"1": 'Dated file="always"', "2": "Show value=1/0"},
        {"1": 'Dated file="always"', "2": "Show value=1/0"},
    ],
    "values are coerced": [
        {"1": 'Range whole="7" part="0.5" text=3.5 yes=0'},
        {"1": 'Range whole=7.9 part=1 text=true yes="false"'},
    ],
    "lists as values": [
        {"1": 'Show value={"__value__":[1,2,3]}', "2": 'Show value={"__value__":["1",0]}'},
        {"1": 'Show value={"a":[1,2]}', "2": "Show value=null"},
    ],
    "a value out of range": [{"1": 'Range whole=11 part=0.5 text="" yes=true'}],
    "a value of no number": [{"1": 'Range whole="many" part=0.5 text="" yes=true'}],
    "one bad output leaves the others": [
        {
            "1": "Number value=1",
            "2": "Show value=1/0",
            "3": 'Range whole=11 part=0.5 text="" yes=true',
            "4": "Add a=1/0",
            "5": "Show value=4/0",
            "6": 'Range whole=3 part=0.5 text="" yes=true',
        }
    ],
    "a node that judges an input takes what is out of range": [{"1": "Judge value=11 other=1"}],
    "but not the inputs that it does not name": [{"1": "Judge value=1 other=11"}],
    "a node that refuses": [{"1": "Judge value=13 other=1"}],
    "a node that judges a link does not see it": [
        {"1": "Number value=13", "2": "Judge value=1/0 other=1"}
    ],
    "a wrong type": [{"1": 'Dated file="always"', "2": "Add a=1/0 b=1", "3": "Show value=2/0"}],
    "a cycle": [{"1": "Add a=2/0 b=1", "2": "Add a=1/0 b=1", "3": "Show value=2/0"}],
    "no output node": [{"1": "Number value=1"}],
    "an unknown class": [{"1": "Nothing", "2": "Show value=1"}],
    "hidden inputs": [{"7": "Hidden", "8": "Number value=1"}],
    "a node that fails": [{"1": "Number value=1", "2": "Fail value=1/0", "3": "Show value=2/0"}],
    "a node that fails for one element": [
        {"1": 'List numbers="1_2"', "2": "Fail value=1/0", "3": "Show value=2/0"}
    ],
}


@pytest.fixture(scope="module")
def logs(comfy: ComfyUI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """Return the files of recorded calls: ComfyUI's and ours."""
    assert set(NODES.names()) <= set(comfy.object_info()), comfy.log()
    here = tmp_path_factory.mktemp("logs") / "ours.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEMANTICS_LOG", str(here))
        yield comfy.calls, here


def calls_in(log: Path) -> tuple[str, ...]:
    """Return the calls since the last time, sorted."""
    found = tuple(sorted(log.read_text().splitlines())) if log.exists() else ()
    log.unlink(missing_ok=True)
    return found


def theirs(comfy: ComfyUI, graph: dict[str, Any], log: Path) -> Seen:
    try:
        shown = comfy.run(graph)
        # For a cycle from an expansion the status is "success"; only the messages tell of it.
        (entry,) = json.loads(comfy.get_text("/history?max_items=1")).values()
        said = entry["status"]["messages"]
    except ComfyUIError as error:
        said, shown = json.loads(str(error)), {}
    if not isinstance(said, list):
        return Seen(calls_in(log), {}, "refused")
    failed = [message["node_id"] for kind, message in said if kind == "execution_error"]
    return Seen(calls_in(log), {} if failed else shown, "".join(failed))


def ours(graph: dict[str, Any], log: Path, cache: ResultCache) -> Seen:
    try:
        report = run_graph(
            parse_graph(graph, "graph"), host.Settings(device="cpu"), nodes=NODES, cache=cache
        )
    except GraphError:
        return Seen(calls_in(log), {}, "refused")
    if report.failure is not None:
        return Seen(calls_in(log), {}, report.problems[-1].node)
    shown = {run.id: dict(run.shown) for run in report.nodes if run.shown}
    return Seen(calls_in(log), json.loads(json.dumps(shown)))


@pytest.mark.parametrize("case", CASES)
def test_the_same_calls_and_results(comfy: ComfyUI, logs: tuple[Path, Path], case: str) -> None:
    cache = ResultCache(graphs=1)  # ComfyUI 0.3.75 keeps the results of the last graph
    for number, text in enumerate(CASES[case]):
        graph = graph_of(case, text)
        expected = theirs(comfy, graph, logs[0])
        assert ours(graph, logs[1], cache) == expected, f"run {number}"


def test_without_a_cache_every_run_is_whole(comfy: ComfyUI, logs: tuple[Path, Path]) -> None:
    graph = graph_of("no cache", {"1": "Number value=1", "2": "Show value=1/0"})
    first = ours(graph, logs[1], ResultCache())
    assert ours(graph, logs[1], ResultCache()) == first
    assert len(first.calls) == 2


def test_a_file_that_changes_is_read_again(
    comfy: ComfyUI, logs: tuple[Path, Path], tmp_path: Path
) -> None:
    words = tmp_path / "words"
    graph = graph_of("dated", {"1": "Dated", "2": "Show value=1/0"})
    graph["1"]["inputs"]["file"] = str(words)
    cache = ResultCache()
    for text, calls in (("a", 2), ("a", 0), ("b", 2)):
        words.write_text(text)
        seen = ours(graph, logs[1], cache)
        assert seen == theirs(comfy, graph, logs[0])
        assert len(seen.calls) == calls


def test_twins_run_once(comfy: ComfyUI, logs: tuple[Path, Path]) -> None:
    """Two nodes of one class with the same inputs share one run, output nodes included."""
    graph = graph_of(
        "twins",
        {
            "1": "Number value=1",
            "2": "Number value=1",
            "3": "Show value=1/0",
            "4": "Show value=2/0",
            "5": "Own value=1/0",
            "6": "Own value=2/0",
            "7": "Show value=5/0",
            "8": "Show value=6/0",
        },
    )
    for node in graph.values():
        node["inputs"]["name"] = "twin"
    seen = ours(graph, logs[1], ResultCache())
    assert seen == theirs(comfy, graph, logs[0])
    kinds = [json.loads(call)[0] for call in seen.calls]
    assert kinds == ["number", "own", "own", "show", "show", "show"]
