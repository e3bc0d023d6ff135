"""`kinograph pose`, `flow` and `vace`: one clip in, one file out."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from kinograph.engines.video.clip import Clip
from kinograph.engines.video.read import read_video
from kinograph.engines.video.write import write_video
from kinograph.workflows.cli import main


@pytest.fixture
def small(clip: Clip, tmp_path: Path) -> Path:
    """Five frames of the shipped clip at half its size."""
    path = tmp_path / "small.mp4"
    write_video(path, Clip(clip.frames[:5, ::2, ::2].contiguous(), clip.rate))
    return path


@pytest.mark.parametrize(
    ("words", "name", "size"),
    [
        (["pose", "--set", "Detect Poses.max_people=1"], "small_pose.mp4", (5, 232, 416, 3)),
        (["flow", "--style", "hsv", "--chunk", "2"], "small_flow.mp4", (5, 232, 416, 3)),
        (["vace", "--control", "flow"], "small_vace.mp4", (5, 224, 416, 3)),
        (["vace", "--style", "openpose", "-o", "new/c.mp4"], "new/c.mp4", (5, 224, 416, 3)),
    ],
)
def test_a_video_of_a_clip(
    words: list[str],
    name: str,
    size: tuple[int, ...],
    small: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*words, str(small), "--device", "cpu"]) == 0
    assert capsys.readouterr().out == f"{name}\n"
    found = read_video(tmp_path / name)
    assert found.frames.shape == size
    assert found.frames.std() > 0.02  # something is drawn
    there = {path.name for path in tmp_path.iterdir()}
    assert there == {"small.mp4", Path(name).parts[0]}  # and nothing else is left


def test_a_tensor_of_a_clip(small: Path, tmp_path: Path) -> None:
    target = tmp_path / "control.safetensors"
    words = ["vace", str(small), "--control", "flow", "--preset", "wan_480p", "-o", str(target)]
    assert main(words) == 0
    assert load_file(target)["video"].shape == torch.Size([1, 3, 5, 224, 416])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pose", "gone.mp4"], "gone.mp4: there is no such video"),
        (["pose", "small.mp4", "-o", "a.avi"], "expected a name that ends in .mp4, found .avi"),
        (["vace", "small.mp4", "-o", "a"], "in .mp4 or .safetensors, found no ending"),
        (["flow", "small.mp4", "-o", "small.mp4"], "--output small.mp4: is the clip itself"),
        (["flow", "small.mp4", "-o", "small.mp4/x.mp4"], "cannot be written"),
        (["pose", "small.mp4", "--set", "Pose map.style=dwpose"], 'found "dwpose"'),
    ],
)
def test_what_cannot_be_done_leaves_nothing(
    words: list[str],
    message: str,
    small: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert "Traceback" not in err
    assert not out
    assert [path.name for path in tmp_path.iterdir()] == ["small.mp4"]
