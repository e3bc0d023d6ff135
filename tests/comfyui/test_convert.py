"""Conversion equals the editor's own: `app.graphToPrompt` in a browser is the oracle."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from browser import Frontend
from editor_cases import CASES, OBJECT_INFO, SHIPPED, case, meaning, recording
from kinograph.workflows.graph.editor.nodes import definitions_of
from kinograph.workflows.graph.load import parse_graph
from kinograph.workflows.graph.model import graph_as_json
from kinograph.workflows.remote.definitions import server_definitions
from kinograph.workflows.remote.link import Server

pytestmark = pytest.mark.comfyui


@pytest.fixture(scope="module")
def inputs() -> Iterable[Path]:
    """Return no files, as the recorded definitions list none."""
    return ()


@pytest.fixture(scope="module")
def info(editor: Frontend) -> dict[str, Any]:
    return editor.server.object_info()


def converted(data: Any, info: dict[str, Any]) -> dict[str, Any]:
    return meaning(graph_as_json(parse_graph(data, "g.json", definitions_of(info))))


def known_to(info: dict[str, Any], graph: dict[str, Any]) -> dict[str, Any]:
    """Return a graph without the inputs that ComfyUI's own nodes got in later versions."""

    def known(node: dict[str, Any]) -> dict[str, Any]:
        declared = info[node["class_type"]]["input"].values()
        names = {name for group in declared for name in group}
        return node | {"inputs": {n: v for n, v in node["inputs"].items() if n in names}}

    return {id_: known(node) for id_, node in graph.items()}


def test_there_are_cases() -> None:
    assert len(CASES) > 25
    assert len(SHIPPED) > 5


@pytest.mark.parametrize("name", CASES)
def test_each_rule_is_the_editors(
    editor: Frontend, info: dict[str, Any], name: str, request: pytest.FixtureRequest
) -> None:
    data = case(name)
    editor.load(data, name)
    assert editor.missing() == []
    sent = meaning(editor.prompt())
    if request.config.getoption("--update-golden"):
        recording(name).write_text(json.dumps(sent, indent=1) + "\n")
    assert json.loads(recording(name).read_text()) == sent
    assert converted(data, info) == sent
    # The editor saves more than it needs to read: an input for every widget, and values by name.
    assert converted(editor.workflow(), info) == sent


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_graphs_are_converted_as_the_editor_does(
    editor: Frontend, info: dict[str, Any], path: Path
) -> None:
    data = json.loads(path.read_text())
    editor.load(data, path.stem)
    assert editor.missing() == []
    sent = editor.prompt()
    assert converted(data, info) == meaning(sent)
    ours = graph_as_json(parse_graph(data, path.name))  # with the headless definitions
    assert known_to(info, meaning(ours)) == meaning(sent)
    assert {i: n["_meta"]["title"] for i, n in ours.items()} == {
        i: n["_meta"]["title"] for i, n in sent.items()
    }


def test_the_recorded_definitions_are_the_servers(
    info: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    used: set[str] = set()
    for name in CASES:
        holders = [case(name)]
        for holder in holders:
            used |= {node["type"] for node in holder["nodes"]}
            holders += holder.get("definitions", {}).get("subgraphs", [])
    wanted = {
        name: {
            key: info[name][key]
            for key in ("input", "input_order", "output", "output_name", "display_name", "category")
        }
        for name in sorted(used & info.keys())
        if not name.startswith("Kinograph")
    }
    if request.config.getoption("--update-golden"):
        OBJECT_INFO.parent.mkdir(exist_ok=True)
        OBJECT_INFO.write_text(json.dumps(wanted, indent=1) + "\n")
    assert json.loads(OBJECT_INFO.read_text()) == wanted


def test_definitions_come_from_a_server(editor: Frontend, info: dict[str, Any]) -> None:
    with ThreadPoolExecutor() as pool:  # Playwright's event loop runs in this thread
        found = pool.submit(server_definitions, Server.at(editor.server.url)).result()
    assert found == definitions_of(info)


def test_the_api_form_opens_in_the_editor(
    editor: Frontend, info: dict[str, Any], tmp_path: Path
) -> None:
    """The editor reads a graph that was converted for it back as the same graph."""
    data = json.loads(SHIPPED[0].read_text())
    path = tmp_path / "api.json"
    path.write_text(json.dumps(converted(data, info)))
    editor.drop(path)
    assert meaning(editor.prompt()) == meaning(json.loads(path.read_text()))
