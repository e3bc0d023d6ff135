"""`kinograph run --server`: a server that refuses, drops, loses and lies."""

import builtins
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyui_stand_in import StandIn, graph_file, running
from kinograph.engines.errors import GraphError, InputError
from kinograph.workflows.cli import main
from kinograph.workflows.execution.report import Report
from kinograph.workflows.graph.model import Node
from kinograph.workflows.remote.files import saved_by
from kinograph.workflows.remote.run_on_server import Server, ServerError, run_on_server


@pytest.fixture
def server() -> Iterator[StandIn]:
    with running(StandIn()) as stand_in:
        yield stand_in


def send(
    server: StandIn, folder: Path, image: str = "there.png", *sets: str, **more: Any
) -> Report:
    return run_on_server(
        graph_file(folder, image), Server.at(server.url), sets, folder / "out", (folder,), **more
    )


def test_a_graph_runs_there_and_its_files_come_here(server: StandIn, tmp_path: Path) -> None:
    bars = []

    def progress(title: str, total: int) -> Callable[[int], None]:
        return lambda done: bars.append((title, total, done))

    report = send(server, tmp_path, progress=progress)
    assert report.ok
    assert report.files == (tmp_path / "out" / "x_00001_.png",)
    assert report.files[0].read_bytes() == b"pixels"
    assert [(node.id, node.title, node.is_output) for node in report.nodes] == [
        ("1", "Load Image", False),
        ("2", "Keep it", True),
    ]
    assert report.nodes[1].files == report.files
    assert report.nodes[1].seconds > 0.05
    assert bars == [("Load Image", 2, 1), ("Load Image", 2, 1)]
    (sent,) = server.prompts
    assert sent["prompt"]["2"]["inputs"] == {"images": ["1", 0], "filename_prefix": "x"}
    assert sent["extra_data"] == {"extra_pnginfo": {}}
    assert report.as_dict()["device"] == server.url


def test_nothing_here_is_overwritten(server: StandIn, tmp_path: Path) -> None:
    send(server, tmp_path)
    server.files = {"x_00001_.png": b"others"}
    again = send(server, tmp_path)
    assert again.files[0].name == "x_00001_ (2).png"
    assert again.files[0].read_bytes() == b"others"
    assert (tmp_path / "out" / "x_00001_.png").read_bytes() == b"pixels"


def test_files_here_are_sent_once(server: StandIn, tmp_path: Path) -> None:
    content = b"a picture" * 100
    (tmp_path / "my picture.png").write_bytes(content)
    for _ in range(2):
        send(server, tmp_path, "my picture.png")
    digest = hashlib.sha256(content).hexdigest()[:32]
    name = f"my_picture_{digest}.png"
    assert server.inputs == {name: content}
    assert server.uploads == 1
    assert server.prompts[1]["prompt"]["1"]["inputs"]["image"] == f"kinograph/{name}"
    server.inputs[name] = content[:7]  # an upload that was cut short
    send(server, tmp_path, "my picture.png")
    assert (server.uploads, server.inputs[name]) == (2, content)


def test_set_and_headers(
    server: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", str(graph_file(tmp_path)), "--server", server.url + "/"]
    arguments += ["--output-dir", str(tmp_path / "out"), "--set", "SaveImage.filename_prefix=y"]
    arguments += ["--header", "Authorization=Bearer a=b", "--header", "X-Who=me"]
    assert main(arguments) == 0
    assert server.prompts[0]["prompt"]["2"]["inputs"]["filename_prefix"] == "y"
    assert all(headers["Authorization"] == "Bearer a=b" for headers in server.headers)
    assert {headers["X-Who"] for headers in server.headers} == {"me"}
    said = capsys.readouterr()
    assert f"saved here:\n  {tmp_path / 'out' / 'x_00001_.png'}" in said.out


def test_an_editors_workflow_goes_with_its_graph(server: StandIn, tmp_path: Path) -> None:
    workflow = {
        "version": 0.4,
        "nodes": [
            {
                **{"id": 1, "type": "LoadImage", "mode": 0, "inputs": []},
                "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}],
                "widgets_values": ["there.png", "image"],
            },
            {
                **{"id": 2, "type": "SaveImage", "mode": 0, "outputs": []},
                "inputs": [{"name": "images", "type": "IMAGE", "link": 1}],
                "widgets_values": ["from the editor"],
            },
        ],
        "links": [[1, 1, 0, 2, 0, "IMAGE"]],
    }
    path = tmp_path / "editor.json"
    path.write_text(json.dumps(workflow))
    report = run_on_server(path, Server.at(server.url), (), tmp_path / "out", ())
    assert report.ok
    (sent,) = server.prompts
    assert sent["prompt"]["2"]["inputs"]["filename_prefix"] == "from the editor"
    assert sent["prompt"]["1"]["inputs"] == {"image": "there.png"}
    assert sent["extra_data"]["extra_pnginfo"]["workflow"] == workflow


@pytest.mark.parametrize("drops", [1, 3])
def test_a_dropped_websocket_is_opened_again(server: StandIn, tmp_path: Path, drops: int) -> None:
    server.drop = drops
    assert send(server, tmp_path).ok
    assert server.sockets > 1
    assert len(server.prompts) == 1


def test_the_history_is_asked_where_no_socket_can_be_had(server: StandIn, tmp_path: Path) -> None:
    server.drop, server.late, server.one_socket = 1, 1.5, True
    report = send(server, tmp_path)
    assert report.ok
    assert len(report.files) == 1


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(ServerError, match=rf"{url}: no response \(.*that ComfyUI is running there"):
        run_on_server(graph_file(tmp_path), Server.at(url), (), tmp_path, ())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": 401}, "access denied .status 401.; if it needs a password .* --header"),
        ({"status": 413}, "larger than the server accepts; start ComfyUI with --max-upload-size"),
        ({"status": 502, "body": "bad gateway\nmore"}, "status 502: bad gateway$"),
        ({"status": 418}, "responds with status 418: no message"),
        ({"body": "<html>"}, "expected JSON, found text/html; it is not a ComfyUI"),
        ({"body": "[]"}, "responds, but is not a ComfyUI"),
        (
            {"lose": True, "late": 60},
            "no longer knows the graph; the server may have been restarted",
        ),
    ],
)
def test_servers_that_do_not_do_their_part(
    server: StandIn, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    for name, value in change.items():
        setattr(server, name, value)
    server.drop = 1 if server.lose else 0
    with pytest.raises(ServerError, match=message):
        send(server, tmp_path)


def test_a_server_that_goes_away(tmp_path: Path) -> None:
    with running(StandIn(late=60)) as server:

        def leave() -> None:
            server.started.wait(10)
            server.status = 503
            server.hang_up()

        thread = threading.Thread(target=leave)
        thread.start()
        with pytest.raises(ServerError, match="status 503"):
            send(server, tmp_path, patience=1.0)
        thread.join()


def test_unknown_node_classes(server: StandIn, tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    graph = {
        "1": {"class_type": "LoadImag", "inputs": {}},
        "2": {"class_type": "Zzz", "inputs": {}},
    }
    path.write_text(json.dumps(graph))
    with pytest.raises(GraphError) as caught:
        run_on_server(path, Server.at(server.url), (), tmp_path, ())
    text = str(caught.value)
    assert f"node class 'LoadImag' on {server.url}; did you mean LoadImage?" in text
    assert f"node class 'Zzz' on {server.url}; install its node pack there" in text
    assert not server.prompts


NODE_ERRORS = {
    "1": {
        "errors": [
            {
                "message": "Value not in list",
                "details": "image: 'no.png' not in []",
                "extra_info": {"input_name": "image"},
            },
            {"message": "Required input is missing", "details": "x", "extra_info": {}},
        ],
        "class_type": "LoadImage",
    }
}


def test_a_refused_graph_is_said_by_node_and_input(server: StandIn, tmp_path: Path) -> None:
    server.refuse = (400, {"error": {"message": "failed"}, "node_errors": NODE_ERRORS})
    with pytest.raises(GraphError) as caught:
        send(server, tmp_path)
    text = str(caught.value)
    assert "2 problems" in text
    assert "node 1 (LoadImage), input 'image': Value not in list - image: 'no.png'" in text
    assert "node 1 (LoadImage): Required input is missing - x" in text
    server.refuse = (400, {"error": {"message": "No prompt", "details": "at all"}})
    with pytest.raises(GraphError, match="the server rejects it: No prompt - at all"):
        send(server, tmp_path)


def test_a_bad_output_leaves_the_others(server: StandIn, tmp_path: Path) -> None:
    server.node_errors = NODE_ERRORS
    report = send(server, tmp_path)
    assert not report.ok
    assert len(report.files) == 1
    assert [(p.node, p.input) for p in report.problems] == [("1", "image"), ("1", "")]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            ["execution_error", {"node_id": "2", "exception_message": "out of paper\n"}],
            "node 2 (SaveImage): out of paper",
        ),
        (
            ["execution_interrupted", {"node_id": "2"}],
            "node 2 (SaveImage): interrupted on the server",
        ),
        (["execution_start", {}], "the server reports that the run failed, but not why"),
    ],
)
def test_failures_there(server: StandIn, tmp_path: Path, message: list[Any], said: str) -> None:
    server.fail = [message]
    report = send(server, tmp_path)
    assert not report.ok
    assert report.errors == (said,)
    assert len(report.files) == 1  # what was saved before


def test_names_that_lead_out_of_the_folder(server: StandIn, tmp_path: Path) -> None:
    server.subfolder = "../.."
    report = send(server, tmp_path)
    assert "leads out of" in report.errors[0]
    assert not list(tmp_path.rglob("*.png"))
    server.subfolder = "deep/er"
    assert send(server, tmp_path).files == (tmp_path / "out" / "deep" / "er" / "x_00001_.png",)


@pytest.mark.parametrize(
    ("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
def test_a_stopped_run_takes_the_graph_off_the_server(
    tmp_path: Path, sent: signal.Signals, status: int
) -> None:
    with running(StandIn(late=60)) as server:
        command = [sys.executable, "-m", "kinograph.workflows.cli", "run", "--server", server.url]
        process = subprocess.Popen(
            [*command, str(graph_file(tmp_path))],
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            # a background job ignores SIGINT, and so do its children
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        assert server.started.wait(60)
        time.sleep(0.3)
        os.kill(process.pid, sent)
        _, said = process.communicate(timeout=30)
        assert process.returncode == status
        assert ("kinograph: cancelled" in said) is (sent == signal.SIGINT)
        assert "Traceback" not in said
        id_ = server.prompts[0]["prompt_id"]
        assert server.interrupted == [{"prompt_id": id_}]
        assert server.deleted == [{"delete": [id_]}]


def test_without_the_library_the_command_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any, **others: Any) -> Any:
        if name == "aiohttp":
            raise ImportError(name)
        return real(name, *more, **others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r'run: pip install "kinograph\[server\]"'):
        run_on_server(graph_file(tmp_path), Server.at("http://127.0.0.1:1"), (), tmp_path, ())


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http://[", "http://x?y=1"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(
        InputError, match=r"--server: expected e\.g\. http://127\.0\.0\.1:8188, found"
    ):
        Server.at(url)


@pytest.mark.parametrize("folder", ["/out/2026/", "C:\\out\\2026\\"])
def test_files_with_time_and_size_in_their_names(folder: str) -> None:
    node = Node("1", "KinographSaveFlow", {"filename_prefix": "%year%/%width%_%hour%"})
    said = [f"{folder}64_05_00001_.npz", f"{folder}x_00001_.npz"]
    assert saved_by(node, {"text": said}) == [("2026", "64_05_00001_.npz")]


def test_an_address_without_a_scheme() -> None:
    assert Server.at("localhost:8188/").url == "http://localhost:8188"
