"""Async nodes headless: they run at the same time as what does not need them."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from kinograph.engines.errors import GraphError, InputError
from kinograph.nodes.standin import host, io, ui
from kinograph.nodes.standin.graph_builder import GraphBuilder
from kinograph.workflows.execution.caching import ResultCache
from kinograph.workflows.execution.report import Report
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.catalogue import Catalogue
from kinograph.workflows.graph.load import parse_graph

ANY = io.AnyType
DID: list[str] = []
STARTED: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)


@pytest.fixture(autouse=True)
def nothing_before() -> None:
    DID.clear()
    STARTED.clear()


class Meet(io.ComfyNode):
    """Waits until the nodes that it is to meet have started; would wait for ever if they ran one
    after another."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = [io.String.Input("name"), io.String.Input("meets"), ANY.Input("of", optional=True)]
        return io.Schema("Meet", inputs=inputs, outputs=[ANY.Output()])

    @classmethod
    async def execute(cls, name: str, meets: str, of: Any = None) -> io.NodeOutput:
        assert torch.is_inference_mode_enabled()
        DID.append(f"{name} starts")
        STARTED[name].set()
        try:
            for other in meets.split():
                await asyncio.wait_for(STARTED[other].wait(), 10)
        except asyncio.CancelledError:
            DID.append(f"{name} cancelled")
            raise
        DID.append(f"{name} ends")
        return io.NodeOutput(name)


class Plain(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema("Plain", inputs=[io.String.Input("name")], outputs=[ANY.Output()])

    @classmethod
    def execute(cls, name: str) -> io.NodeOutput:
        DID.append(name)
        STARTED[name].set()
        return io.NodeOutput(name)


class Fail(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = [io.String.Input("words"), io.Int.Input("turns", optional=True)]
        return io.Schema("Fail", inputs=inputs, outputs=[ANY.Output()])

    @classmethod
    async def execute(cls, words: str, turns: int = 0) -> io.NodeOutput:
        for _ in range(turns):
            await asyncio.sleep(0)
        raise InputError(words) if words else ZeroDivisionError


class Breaks(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema("Breaks", outputs=[ANY.Output()])

    @classmethod
    def execute(cls) -> io.NodeOutput:
        raise InputError("broken")


class Couple(io.ComfyNode):
    """Expands into two nodes that meet."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema("Couple", outputs=[ANY.Output(), ANY.Output()], enable_expand=True)

    @classmethod
    async def execute(cls) -> io.NodeOutput:
        await asyncio.sleep(0)
        graph = GraphBuilder()
        one, two = (graph.node("Meet", name=name, meets=meets) for name, meets in ("xy", "yx"))
        return io.NodeOutput(one.out(0), two.out(0), expand=graph.finalize())


class Asks(io.ComfyNode):
    """Whose other functions are async, too."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            "Asks",
            inputs=[
                io.Int.Input("value", default=1, max=10),
                ANY.Input("a", lazy=True, optional=True),
                ANY.Input("b", lazy=True, optional=True),
            ],
            outputs=[ANY.Output()],
        )

    @classmethod
    async def validate_inputs(cls, value: int) -> bool | str:  # type: ignore[override]
        await asyncio.sleep(0)
        return True if value < 20 else f"{value} is too much"

    @classmethod
    async def fingerprint_inputs(cls, **_: Any) -> Any:  # type: ignore[override]
        await asyncio.sleep(0)
        return "same"

    @classmethod
    async def check_lazy_status(  # type: ignore[override]
        cls, value: int, a: Any = None, b: Any = None
    ) -> list[str]:
        await asyncio.sleep(0)
        return ["a"] if a is None else []

    @classmethod
    def execute(cls, value: int, a: Any = None, b: Any = None) -> io.NodeOutput:
        DID.append(f"asked: {value} {a} {b}")
        return io.NodeOutput(value)


class Show(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema("Show", inputs=[ANY.Input("value")], is_output_node=True)

    @classmethod
    def execute(cls, value: Any) -> io.NodeOutput:
        return io.NodeOutput(ui=ui.PreviewText(str(value)))


NODES = Catalogue({c.__name__: c for c in (Meet, Plain, Fail, Breaks, Couple, Asks, Show)})
Run = Callable[..., Report]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(cache: ResultCache | None = None, **nodes: tuple[str, dict[str, Any]]) -> Report:
        graph = {
            id_: {"class_type": name, "inputs": inputs} for id_, (name, inputs) in nodes.items()
        }
        settings = host.Settings(output=tmp_path, device="cpu")
        return run_graph(parse_graph(graph, "g.json"), settings, nodes=NODES, cache=cache)

    return run


def meet(name: str, meets: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "Meet", {"name": name, "meets": meets, **more}


def show(id_: str, slot: int = 0) -> tuple[str, dict[str, Any]]:
    return "Show", {"value": [id_, slot]}


def texts(report: Report) -> list[str]:
    return [node.text for node in report.nodes if node.is_output]


def test_async_nodes_of_different_outputs_run_at_the_same_time(run: Run) -> None:
    report = run(
        a=meet("a", "b c"), b=meet("b", "a c"), c=meet("c", "a b"),
        sa=show("a"), sb=show("b"), sc=show("c"),
    )  # fmt: skip
    assert report.ok
    assert texts(report) == ["a", "b", "c"]
    assert DID[:3] == ["a starts", "b starts", "c starts"]


def test_nodes_that_one_node_needs_run_at_the_same_time(run: Run) -> None:
    report = run(
        a=meet("a", "b"), b=meet("b", "a"), c=meet("c", "", of=["a", 0]),
        asks=("Asks", {"value": 1, "a": ["c", 0]}), s=show("asks"), sb=show("b"),
    )  # fmt: skip
    assert report.ok
    assert "c ends" in DID
    assert DID.index("c starts") > DID.index("a ends")


def test_a_plain_node_does_not_wait_for_an_async_one(run: Run) -> None:
    report = run(a=meet("a", "p"), p=("Plain", {"name": "p"}), sa=show("a"), sp=show("p"))
    assert report.ok
    assert DID == ["a starts", "p", "a ends"]
    assert all(node.seconds < 5 for node in report.nodes)


def test_nodes_with_the_same_key_run_once(run: Run) -> None:
    report = run(a=meet("a", "b"), twin=meet("a", "b"), b=meet("b", "a"),
                 s=show("a"), t=show("twin"), u=show("b"))  # fmt: skip
    assert sorted(texts(report)) == ["a", "a", "b"]
    assert DID.count("a starts") == 1


def test_an_expansion_runs_its_async_nodes_at_the_same_time(run: Run) -> None:
    cache = ResultCache()
    for cached in (False, True):
        report = run(cache, c=("Couple", {}), s=show("c"), t=show("c", 1))
        assert texts(report) == ["x", "y"]
        assert all(node.cached is cached for node in report.nodes)
    assert sorted(DID) == ["x ends", "x starts", "y ends", "y starts"]


def test_an_error_ends_the_others(run: Run) -> None:
    report = run(a=meet("a", "nobody"), f=("Fail", {"words": "no film"}), s=show("a"), t=show("f"))
    assert report.errors == ("node f (Fail): no film",)
    assert report.problems[0].node == "f"
    assert DID == ["a starts", "a cancelled"]


def test_an_error_of_a_plain_node_ends_async_ones(run: Run) -> None:
    report = run(a=meet("a", "nobody"), b=("Breaks", {}), s=show("a"), t=show("b"))
    assert report.errors == ("node b (Breaks): broken",)
    assert DID == ["a starts", "a cancelled"]


def test_a_defect_names_the_async_node(run: Run) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run(f=("Fail", {"words": ""}), s=show("f"))
    assert caught.value.__notes__ == ["node f (Fail)"]


def test_within_a_running_event_loop(run: Run) -> None:
    async def running() -> Report:
        return run(a=meet("a", "b"), b=meet("b", "a"), sa=show("a"), sb=show("b"),
                   q=("Asks", {"value": 1, "a": ["a", 0]}), t=show("q"))  # fmt: skip

    assert texts(asyncio.run(running())) == ["a", "b", "1"]


def test_checks_and_lazy_status_may_be_async(run: Run) -> None:
    cache = ResultCache()
    nodes = {"p": ("Plain", {"name": "p"}), "q": ("Plain", {"name": "q"})}
    asks = ("Asks", {"value": 12, "a": ["p", 0], "b": ["q", 0]})
    for _ in range(2):  # it checks its bounds itself, and has the same fingerprint again
        assert texts(run(cache, **nodes, x=asks, s=show("x"))) == ["12"]
    assert DID == ["p", "asked: 12 p None"]
    with pytest.raises(GraphError, match=r"node x \(Asks\): 25 is too much"):
        run(x=("Asks", {"value": 25}), s=show("x"))
