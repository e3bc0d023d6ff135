"""`kinograph run`: its report, its exit status and what stands on which stream."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from kinograph import __version__
from kinograph.engines.errors import GraphError
from kinograph.workflows.cli import main


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """Saves a picture and shows a number."""
    picture = tmp_path / "a.png"
    Image.new("RGB", (6, 4), (200, 90, 30)).save(picture)
    return written(
        tmp_path / "graph.json",
        {
            "1": {"class_type": "LoadImage", "inputs": {"image": str(picture)}},
            "2": {
                "class_type": "SaveImage",
                "inputs": {"images": ["1", 0], "filename_prefix": "x"},
                "_meta": {"title": "Keep it"},
            },
            "3": {"class_type": "PrimitiveInt", "inputs": {"value": 7}},
            "4": {"class_type": "PreviewAny", "inputs": {"source": ["3", 0]}},
        },
    )


def written(path: Path, graph: dict[str, Any]) -> Path:
    path.write_text(json.dumps(graph))
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = main(["run", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_json_stands_alone_on_the_output(
    graph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(
        capsys, graph, "--output-dir", tmp_path / "out", "--json", "--device", "cpu"
    )
    assert status == 0
    report = json.loads(out)
    assert "Keep it" in err  # the table
    assert report["schema_version"] == 1
    assert report["kinograph"] == __version__
    assert (report["ok"], report["device"], report["graph"]) == (True, "cpu", str(graph))
    saved = tmp_path / "out" / "x_00001_.png"
    picture, number = report["outputs"]
    assert (picture["node"], picture["title"], picture["class"]) == ("2", "Keep it", "SaveImage")
    (file,) = picture["files"]
    assert file == {
        "path": str(saved),
        "sha256": hashlib.sha256(saved.read_bytes()).hexdigest(),
        "bytes": saved.stat().st_size,
    }
    assert report["files"] == [file]
    assert (number["node"], number["text"], number["files"]) == ("4", "7", [])
    assert [node["node"] for node in report["nodes"]] == ["1", "2", "3", "4"]
    assert all(node["seconds"] >= 0 and not node["cached"] for node in report["nodes"])
    assert report["errors"] == report["warnings"] == []
    assert report["seconds"] > 0


def test_json_into_a_file(graph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "new" / "report.json"
    status, out, _ = run(capsys, graph, "--output-dir", tmp_path / "out", "--json", target)
    assert status == 0
    assert "Keep it" in out
    assert f"wrote {target}" in out
    assert json.loads(target.read_text())["ok"]


def test_one_bad_output_leaves_the_others(
    graph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = json.loads(graph.read_text())
    nodes["3"]["inputs"]["value"] = "many"
    bad = graph.with_name("bad.json")
    bad.write_text(json.dumps(nodes))
    status, out, err = run(capsys, bad, "--output-dir", tmp_path / "out", "--json")
    assert status == 2
    before, _, _ = err.partition("frames/s")
    assert "left out, as it cannot run: node 3 (PrimitiveInt)" in before
    assert f"kinograph: {bad}: node 3 (PrimitiveInt), input 'value': expected INT" in err
    saved = tmp_path / "out" / "x_00001_.png"
    assert saved.is_file()
    assert str(saved) in err  # what was saved is listed
    report = json.loads(out)
    assert not report["ok"]
    (error,) = report["errors"]
    assert (error["node"], error["input"]) == ("3", "value")
    assert [o["node"] for o in report["outputs"]] == ["2"]


def test_a_failure_on_the_way_keeps_what_was_saved(
    graph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(
        capsys, graph, "--output-dir", tmp_path / "out", "--set", "4.source=1", "--json"
    )
    assert status == 0
    nodes = json.loads(graph.read_text())
    nodes["5"] = {
        "class_type": "SaveImage",
        "inputs": {"images": ["1", 0], "filename_prefix": "../out of it"},
    }
    status, out, err = run(
        capsys, written(tmp_path / "bad.json", nodes), "--output-dir", tmp_path / "more", "--json"
    )
    assert status == 2
    assert "bad.json: node 5 (SaveImage): filename_prefix" in err
    assert "saved before it stopped:" in err
    assert json.loads(out)["files"][0]["path"] == str(tmp_path / "more" / "x_00001_.png")
    assert json.loads(out)["errors"][0]["node"] == "5"
    with pytest.raises(GraphError, match="leads out"):
        main(["run", str(tmp_path / "bad.json"), "--output-dir", str(tmp_path / "m"), "--debug"])


def test_json_also_where_nothing_could_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, tmp_path / "none.json", "--json")
    assert status == 2
    report = json.loads(out)
    assert not report["ok"]
    assert "there is no such file" in report["errors"][0]["message"]
    assert err.count("there is no such file") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--restart"], "--restart: needs --chunk N"),
        (["--header", "A=b"], "--header: needs --server URL"),
        (["--server", "http://x", "--chunk", "8"], "--chunk: ComfyUI processes whole clips"),
        (["--server", "ftp://localhost"], "--server: expected e.g. http://127.0.0.1:8188, found"),
        (["--server", "http://x", "--header", "token"], "--header: expected NAME=VALUE"),
    ],
)
def test_options_that_do_not_go_together(
    graph: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    status, _, err = run(capsys, graph, *arguments)
    assert status == 2
    assert message in err


def test_a_negative_chunk(graph: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(capsys, graph, "--chunk", "-3")
    assert caught.value.code == 2


def test_the_help_says_what_the_status_means(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    text = capsys.readouterr().out
    assert "exit status:" in text
    for status in ("0  ", "1  ", "2  ", "130"):
        assert f"\n  {status}" in text


def test_a_defect_is_status_1(
    tmp_path: Path, graph: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from kinograph.workflows.core.preview_any import PreviewAny

    monkeypatch.setattr(PreviewAny, "execute", lambda source: 1 / 0)
    status, _, err = run(capsys, graph, "--output-dir", tmp_path)
    assert status == 1
    assert "internal error: node 4 (PreviewAny): ZeroDivisionError" in err


def test_ctrl_c_is_status_130(
    tmp_path: Path, graph: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from kinograph.workflows.core.preview_any import PreviewAny

    def interrupted(source: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(PreviewAny, "execute", interrupted)
    status, _, err = run(capsys, graph, "--output-dir", tmp_path)
    assert status == 130
    assert "kinograph: cancelled" in err
