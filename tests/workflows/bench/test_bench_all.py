"""`kinograph bench all` and `history`: every table in one report, and reports side by side."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kinograph.engines.errors import InputError
from kinograph.workflows.bench.every import measure_tables
from kinograph.workflows.bench.figures import Figure, Table
from kinograph.workflows.bench.history import history
from kinograph.workflows.cli import main
from kinograph.workflows.cli.commands.bench.all import tables
from kinograph.workflows.cli.parser import make_parser

TABLES = list(tables())
COMMANDS = [
    (table, device, quick) for table in TABLES for device in table.words for quick in (False, True)
]


@pytest.mark.parametrize(
    ("table", "device", "quick"), COMMANDS, ids=[f"{t.title}-{d}-{q}" for t, d, q in COMMANDS]
)
def test_every_table_is_a_command_that_can_be_typed(table: Table, device: str, quick: bool) -> None:
    words = ["bench", *table.command(device, quick=quick), table.report, "report.json"]
    parsed = make_parser(words).parse_args(words)
    assert parsed.device == device
    options = [word for word in words if word.startswith("--")]
    assert len(set(options)) == len(options)


def test_every_benchmark_has_tables_and_titles_are_distinct() -> None:
    subjects = {table.subject for table in TABLES}
    known = {"bodies", "flow", "hands", "heads", "mesh", "movenet_multipose", "pose", "rtdetr"}
    assert subjects == {*known, "upscale"}
    assert len({table.title for table in TABLES}) == len(TABLES)


def test_tables_are_measured_and_failures_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "all.json"
    command = ["bench", "all", "--quick", "--only", "mesh", "--device", "cpu"]
    assert main([*command, "--json", str(path)]) == 0
    said = capsys.readouterr().out
    assert "kinograph bench mesh --size 160x96 --face 40 --batch 2 --runs 1 --device cpu" in said
    assert "by bounding boxes" in said
    report = json.loads(path.read_text())
    assert (report["kind"], report["quick"], report["device"]) == ("bench all", True, "cpu")
    assert report["meta"]["versions"]["torch"]
    assert report["load"] is None or report["load"] >= 0
    (table,) = report["tables"]
    assert table["report"]["subject"] == "mesh"
    two, one = table["figures"]
    assert two["ratio"] == pytest.approx(two["ms"] / two["baseline_ms"])
    assert one["ms"] == table["report"]["ms_per_frame"]["1"]["median"]

    (mesh, *_) = [table for table in TABLES if table.title == "Meshes"]
    broken = replace(mesh, words={"cpu": "mesh --runs 0"}, quick="")
    (found,) = measure_tables([broken], device="cpu")["tables"]
    assert found["error"] == "runs: expected at least 1, found 0"
    assert "figures" not in found


def test_what_is_not_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "all", "--only", "pose,teapot", "--device", "cpu"]) == 2
    assert "--only: expected some of pose, " in capsys.readouterr().err
    with pytest.raises(InputError, match="nothing is measured on mps"):
        measure_tables(TABLES, device="mps")


def made(when: str, figures: list[Figure], **more: Any) -> Mapping[str, Any]:
    meta = {"cpu": "AMD EPYC, 2 threads", "gpu": None, "versions": {"torch": "2.11.0"}}
    done = {"title": "Poses", "figures": [figure.as_json() for figure in figures]}
    failed = {"title": "Bodies", "error": "no people"}
    return {
        "kind": "bench all",
        "schema_version": 1,
        "timestamp_utc": f"{when}T10:00:00Z",
        "meta": meta,
        "device": "cpu",
        "quick": False,
        "load": None,
        "tables": [done, failed],
        **more,
    }


def test_then_and_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    then, now, card = (tmp_path / f"{name}.json" for name in ("then", "now", "card"))
    whole = Figure("whole", 30, "network", 16)
    then.write_text(json.dumps(made("2026-01-02", [whole])))
    draw = Figure("draw", 1.25)
    now.write_text(json.dumps(made("2026-02-03", [replace(whole, ms=24.0), draw], load=0.25)))
    gpu = {"cpu": "", "gpu": {"name": "NVIDIA H200"}, "versions": {"torch": "2.11.0"}}
    card.write_text(json.dumps(made("2026-03-04", [draw], device="cuda", meta=gpu)))
    page = history([now, card, then])
    assert "## AMD EPYC, 2 threads" in page
    columns = "2026-01-02, torch 2.11.0 | 2026-02-03, torch 2.11.0, load 0.2"
    assert f"| | measured | baseline | {columns} |" in page
    assert "| Poses | whole | network | 30 (1.9) | 24 (1.5) |" in page
    assert "| Poses | draw |  |  | 1.25 |" in page
    assert "## NVIDIA H200" in page

    output = tmp_path / "page.md"
    reports = list(map(str, (then, now, card)))
    assert main(["bench", "history", *reports, "--output", str(output)]) == 0
    assert output.read_text() == page
    capsys.readouterr()
    assert main(["bench", "history", *reports]) == 0
    assert capsys.readouterr().out == page


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", "expected a report of kinograph bench all: Expecting value"),
        ("[]", "found 'None'"),
        (json.dumps({"kind": "bench pose", "schema_version": 1}), "found 'bench pose'"),
        (
            json.dumps({"kind": "bench all", "schema_version": 1, "meta": {}}),
            "it has no device, lo",
        ),
        (json.dumps(made("2026-01-02", [], quick=True)), "of a quick run; measure without --quick"),
    ],
)
def test_files_that_are_no_reports(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        history([path])
    with pytest.raises(InputError, match="No such file"):
        history([tmp_path / "missing.json"])
