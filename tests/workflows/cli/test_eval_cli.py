"""`kinograph eval pose` as users run it."""

import json
from pathlib import Path

import pytest
import torch

from kinograph.engines.pose.files import write_poses
from kinograph.engines.pose.poses import Poses
from kinograph.workflows.cli import main

TWO_PEOPLE = Path(__file__).parents[2] / "data" / "pose" / "two_people.json"


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """The annotations of the shipped clip as poses of its 33 frames, people missing in two."""
    poses = Poses.empty(33, (464, 832), people=2)
    for person in json.loads(TWO_PEOPLE.read_text())["annotations"]:
        frame = person["image_id"]
        if person["iscrowd"] or frame in (0, 3):
            continue
        place = int(poses.count[frame])
        joints = torch.tensor(person["keypoints"]).view(17, 3)
        poses.keypoints[frame, place] = joints[:, :2]
        poses.confidence[frame, place] = (joints[:, 2] > 0).float()
        poses.scores[frame, place] = 0.9
        poses.count[frame] += 1
    path = tmp_path / "poses.json"
    write_poses(poses, path, "pose_keypoint")
    return path


def test_the_table_and_the_report(
    truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "report.json"
    command = ["eval", "pose", "--predictions", str(truth), "--annotations", str(TWO_PEOPLE)]
    assert main([*command, "--output", str(output)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = captured.out.splitlines()
    assert lines[0] == "10 images, 17 people annotated (1 more ignored), 15 predicted"
    recall = next(line for line in lines if line.startswith("average recall"))
    assert recall.split()[2:] == ["0.882"] * 3 + ["1.000", "0.800"]  # 15 of 17
    assert any(line.split() == ["small", "0", "to", "96", "0", "-", "-"] for line in lines)
    assert any(line.split()[:2] == ["left_wrist", "0.0"] for line in lines)
    assert lines[-2:] == ["over 15 matched people, mean OKS 1.000", f"wrote {output}"]
    assert "DONE" not in captured.out  # pycocotools' own prints
    report = json.loads(output.read_text())
    assert report["schema_version"] == 1
    assert report["summary"]["ar"] == pytest.approx(15 / 17)
    assert report["meta"]["predictions"] == {
        "file": str(truth),
        "sha256": report["meta"]["predictions"]["sha256"],
        "format": "pose_keypoint",
        "frames": 33,
        "joined_by": "file names",
    }
    assert report["meta"]["versions"]["pycocotools"]
    assert report["thresholds"]["oks"] == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]


def test_mistakes(truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nothing = str(tmp_path / "nothing.json")
    for predictions, annotations, message in (
        (nothing, str(TWO_PEOPLE), f"kinograph: {nothing}: there is no such file or folder"),
        (str(truth), nothing, f"kinograph: {nothing}: cannot be read (No such file or directory)"),
        (str(truth), str(truth), "found a list of 33"),
        (str(TWO_PEOPLE), str(TWO_PEOPLE), "expected poses, found COCO annotations"),
    ):
        command = ["eval", "pose", "--predictions", predictions, "--annotations", annotations]
        assert main(command) == 2
        captured = capsys.readouterr()
        assert message in captured.err
        assert captured.out == ""
