"""`--only`: some output nodes of a graph, with what they depend on."""

import json
from pathlib import Path
from typing import Any

import pytest

from kinograph.engines.errors import GraphError
from kinograph.nodes.standin import host
from kinograph.workflows.cli import main
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.catalogue import catalogue
from kinograph.workflows.graph.load import parse_graph
from kinograph.workflows.graph.only import chosen_outputs
from kinograph.workflows.graph.plan import check

GRAPH: dict[str, Any] = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1}},
    "2": {"class_type": "EmptyImage", "inputs": {"width": 9, "height": 8, "batch_size": 1}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "one"}},
    "4": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "two"}},
    # An output node that passes on what it gets, and one that needs it.
    "5": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "three"}},
}
for _id in "12":
    GRAPH[_id]["inputs"]["color"] = 0


def test_other_outputs_and_what_they_need_do_not_run(tmp_path: Path) -> None:
    settings = host.Settings(output=tmp_path, device="cpu")
    report = run_graph(parse_graph(GRAPH, "g.json"), settings, only=["6"])
    assert report.ok
    assert [node.id for node in report.nodes] == ["1", "5", "6"]
    assert [path.name for path in report.files] == ["three_00001_.png"]


def test_a_problem_of_another_output_does_not_matter() -> None:
    graph = json.loads(json.dumps(GRAPH))
    graph["2"]["inputs"]["width"] = "wide"
    plan = check(parse_graph(graph, "g.json"), catalogue(), ["3"])
    assert not plan.problems
    with pytest.raises(GraphError, match="expected INT, found"):
        check(parse_graph(graph, "g.json"), catalogue(), ["4"])


@pytest.mark.parametrize(
    ("names", "ids"),
    [([], None), (["4"], ["4"]), (["PreviewImage", "3"], ["5", "3"]), (["SaveImage"], list("346"))],
)
def test_names(names: list[str], ids: list[str] | None) -> None:
    assert chosen_outputs(parse_graph(GRAPH, "g.json"), names, catalogue()) == ids


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("1", "--only 1: is no output node in g.json; output nodes: 3 .SaveImage., 4 .SaveImage"),
        ("9", "--only 9: there is no such node in g.json; output nodes: 3"),
        ("", "--only : there is no such node"),
    ],
)
def test_names_of_no_output(name: str, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        chosen_outputs(parse_graph(GRAPH, "g.json"), [name], catalogue())


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "g.json"
    path.write_text(json.dumps(GRAPH))
    command = ["run", str(path), "--output-dir", str(tmp_path), "--device", "cpu"]
    assert main([*command, "--only", "3", "--only", "4"]) == 0
    assert {file.name for file in tmp_path.glob("*.png")} == {"one_00001_.png", "two_00001_.png"}
    capsys.readouterr()
    assert main([*command, "--only", "2"]) == 2
    assert "--only 2: is no output node" in capsys.readouterr().err
