"""`kinograph convert` and `kinograph validate` as users run them."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from editor_cases import OBJECT_INFO, SHIPPED, case, meaning, recording
from kinograph.workflows.cli import main
from kinograph.workflows.graph.shipped import DEMO_GRAPH

EDITOR = next(path for path in SHIPPED if path.stem == "pose_to_vace")


def written(folder: Path, data: Any, name: str = "graph.json") -> str:
    path = folder / name
    path.write_text(json.dumps(data))
    return str(path)


@pytest.fixture
def server() -> Iterator[str]:
    """What answers /object_info as a ComfyUI with the tests' own nodes."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            statuses = {"/object_info": 200, "/kept/object_info": 401}
            status = statuses.get(self.path, 404)
            if self.headers["Authorization"] == "Bearer x":
                status = 200
            self.send_response(status)
            self.end_headers()
            self.wfile.write(OBJECT_INFO.read_bytes() if status == 200 else b"{}")

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def test_convert_prints_or_writes_the_api_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", str(EDITOR)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert meaning(printed)["1"]["class_type"] == "LoadVideo"
    assert all(node["_meta"]["title"] for node in printed.values())
    out = tmp_path / "api.json"
    assert main(["convert", str(EDITOR), "-o", str(out)]) == 0
    assert json.loads(out.read_text()) == printed
    assert capsys.readouterr().out == f"{out}: {len(printed)} nodes\n"
    assert main(["convert", str(out)]) == 0  # the API form is written again
    assert json.loads(capsys.readouterr().out) == printed


def test_convert_takes_definitions_from_a_server(
    tmp_path: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = written(tmp_path, case("values_by_place"))
    assert main(["convert", graph]) == 2
    assert "no node class 'FormSeeds' here" in capsys.readouterr().err
    assert main(["convert", graph, "--server", f"{server}/"]) == 0
    found = capsys.readouterr()
    assert meaning(json.loads(found.out)) == json.loads(recording("values_by_place").read_text())
    assert found.err == ""
    assert main(["convert", graph, "--server", server.removeprefix("http://")]) == 0


def test_convert_takes_definitions_from_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = written(tmp_path, case("values_by_place"))
    assert main(["convert", graph, "--definitions", str(OBJECT_INFO)]) == 0
    found = capsys.readouterr()
    assert meaning(json.loads(found.out)) == json.loads(recording("values_by_place").read_text())
    for arguments, message in (
        ([str(tmp_path / "none.json")], "none.json: there is no such file"),
        ([graph], "graph.json: expected the node definitions of a ComfyUI, as it lists them at"),
        ([str(OBJECT_INFO), "--server", "http://127.0.0.1:9"], "expected one of them, found both"),
    ):
        assert main(["convert", graph, "--definitions", *arguments]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_file_with_a_byte_order_mark_is_read(
    tmp_path: Path, encoding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "marked.json"
    path.write_text(EDITOR.read_text(), encoding=encoding)
    assert main(["convert", str(EDITOR)]) == 0
    plain = capsys.readouterr().out
    assert main(["convert", str(path)]) == 0
    assert capsys.readouterr().out == plain
    assert main(["validate", str(path)]) == 0


def test_convert_sends_headers(
    tmp_path: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["convert", written(tmp_path, case("values_by_place")), "--server"]
    assert main([*arguments, f"{server}/kept"]) == 2
    assert "give it with --header" in capsys.readouterr().err
    assert main([*arguments, f"{server}/kept", "--header", "Authorization=Bearer x"]) == 0
    assert main(["convert", str(EDITOR), "--header", "a=b"]) == 2
    assert "--header: needs --server URL" in capsys.readouterr().err


def test_convert_says_which_classes_it_does_not_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = {"nodes": [{"id": 3, "type": "Foreign"}], "links": []}
    assert main(["convert", written(tmp_path, foreign)]) == 0
    found = capsys.readouterr()
    assert json.loads(found.out)["3"]["class_type"] == "Foreign"
    assert "warning: node 3 (Foreign): there is no such node class here" in found.err


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://127.0.0.1:9", "127.0.0.1:9: no response"),
        ("ftp://127.0.0.1", "--server: expected e.g. http://127.0.0.1:8188, found"),
        ("{server}/elsewhere", "/elsewhere/object_info: responds with status 404"),
    ],
)
def test_a_server_that_is_none_is_refused(
    address: str, message: str, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", str(EDITOR), "--server", address.format(server=server)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no response"),
        (b"HTTP/1.0 200 OK\r\n\r\n" + b"[" * 100_000, "/object_info: expected JSON, found"),
        (b"HTTP/1.0 404 No\r\n\r\nF\xfcr nichts", "responds with status 404: F"),
        (b"HTTP/1.0 200 OK\r\n\r\n{}", "responds, but is not a ComfyUI: it lists no nodes"),
    ],
)
def test_a_server_of_another_kind_is_refused(
    answer: bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What speaks no HTTP, and JSON without end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def speak() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=speak)
        thread.start()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        assert main(["convert", str(EDITOR), "--server", address]) == 2
        thread.join()
    assert message in capsys.readouterr().err


def test_convert_leaves_no_half_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "api.json"
    assert main(["convert", written(tmp_path, {"nodes": [3]}), "-o", str(out)]) == 2
    assert "nodes: expected one object per node, found 3" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["graph.json"]


@pytest.mark.parametrize("path", [EDITOR, DEMO_GRAPH], ids=["editor", "api"])
def test_validate_finds_a_sound_graph_sound(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["validate", str(path)]) == 0
    number = len(json.loads(DEMO_GRAPH.read_text()))
    said = capsys.readouterr().out
    assert said.startswith(f"{path}: {number} nodes, of which {number} run for ")
    assert said.endswith("; valid\n")
    assert main(["validate", str(path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    assert (report["nodes"], report["needed"]) == (number, number)
    assert (report["problems"], report["warnings"]) == ([], [])
    assert list(tmp_path.iterdir()) == []  # nothing ran


def test_validate_says_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(DEMO_GRAPH.read_text())
    data["1"]["inputs"]["file"] = "holiday.mp4"
    data["5"]["inputs"]["max_people"] = 0
    path = written(tmp_path, data)
    assert main(["validate", path]) == 2
    said = capsys.readouterr().err
    assert "node 1 (LoadVideo): holiday.mp4: there is no such video" in said
    assert "max_people" in said
    assert main(["validate", path, "--json"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert "holiday.mp4" in json.dumps(report["problems"])


def test_validate_finds_one_bad_output_among_good_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.loads(DEMO_GRAPH.read_text())
    data["99"] = {"class_type": "PreviewImage", "inputs": {}}
    data["5"]["inputs"]["unheard"] = 1
    path = written(tmp_path, data)
    assert main(["validate", path]) == 2
    said = capsys.readouterr().err
    assert f"kinograph: {path}: node 99 (PreviewImage): the input 'images'" in said
    assert "warning: node 5 (KinographDetectPoses): has no input 'unheard'" in said
    assert main(["validate", path, "--json"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert [problem["node"] for problem in report["problems"]] == ["99"]
    assert len(report["warnings"]) == 1


def test_a_file_that_is_no_graph_is_a_report_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "no.json").write_text("{")
    assert main(["validate", str(tmp_path / "no.json"), "--json"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert (report["ok"], report["nodes"]) == (False, 0)
    assert "is not JSON" in report["problems"][0]["message"]
    assert main(["validate", str(tmp_path / "none.json")]) == 2
    assert "there is no such file" in capsys.readouterr().err
