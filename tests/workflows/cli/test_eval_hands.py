"""`kinograph eval hands` on one of the annotated pictures."""

import json
import shutil
from pathlib import Path

import pytest

from hand_pictures import PICTURES
from kinograph.workflows.cli import main


def test_one_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads((PICTURES / "annotations.json").read_text())
    for key, number in (("images", "id"), ("annotations", "image_id")):
        document[key] = [entry for entry in document[key] if entry[number] == 8]
    shutil.copyfile(PICTURES / "08.jpg", tmp_path / "08.jpg")
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(document))
    output = tmp_path / "report.json"
    arguments = ["--annotations", str(path), "--backend", "torch", "--device", "cpu"]
    assert main(["eval", "hands", *arguments, "--output", str(output)]) == 0
    report = json.loads(output.read_text())
    by = {(row["score_threshold"], row["fit_arms"]): row for row in report["results"]}
    hands, faces = by[0.5, True]["hand"], by[0.5, True]["face"]
    assert [hands[key] for key in ("annotated", "found", "missed", "invented")] == [2, 2, 0, 0]
    assert hands["mean_relative"] < 0.12
    assert [faces[key] for key in ("annotated", "found", "missed", "invented")] == [1, 1, 0, 0]
    assert faces["mean_relative"] < 0.06
    said = capsys.readouterr().out
    assert "score above 0.5, fitting the arm" in said
    assert said.startswith("1 picture, torch\n")


def test_bad_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.json"
    path.write_text("[]")
    assert main(["eval", "hands", "--annotations", str(path)]) == 2
    assert "expected COCO annotations of hands and faces" in capsys.readouterr().err
    shutil.copyfile(PICTURES / "annotations.json", path)
    assert main(["eval", "hands", "--annotations", str(path)]) == 2  # without its pictures
    assert "00.jpg" in capsys.readouterr().err
