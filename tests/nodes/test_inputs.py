"""When files that nodes read have changed, and names that cannot be files."""

import os
from pathlib import Path

import pytest

from kinograph.engines.errors import InputError
from kinograph.engines.files import first_there
from kinograph.nodes.flow.load_file import LoadFlowFile
from kinograph.nodes.inputs import last_change
from kinograph.nodes.pose.load_file import LoadPoseFile
from kinograph.nodes.standin import host
from kinograph.workflows.core.load_video import LoadVideo

UNFIT = ["a" * 5000, "a\0b", "", "  "]


@pytest.mark.parametrize("node", [LoadPoseFile, LoadFlowFile])
def test_another_model_file_under_the_same_name_is_noticed(
    node: type[LoadPoseFile | LoadFlowFile], models_dir: Path
) -> None:
    path = models_dir / "changed.onnx"
    path.write_bytes(b"1")
    before = node.fingerprint_inputs(file="changed.onnx", family="rtmo")
    assert before == node.fingerprint_inputs(file=" changed.onnx ", family="rtmo")
    os.utime(path, (before + 9, before + 9))
    assert node.fingerprint_inputs(file="changed.onnx", family="rtmo") == before + 9
    path.unlink()
    for name in ("changed.onnx", *UNFIT):
        assert node.fingerprint_inputs(file=name, family="rtmo") == 0


@pytest.mark.parametrize("name", UNFIT)
def test_names_that_cannot_be_files(name: str, tmp_path: Path) -> None:
    assert first_there(name, [tmp_path]) is None
    assert last_change(name) == 0
    with pytest.raises(InputError, match="no such file or folder"):
        host.input_path(name)
    assert "there is no such video" in str(LoadVideo.validate_inputs(file=name))


def test_a_path_comes_before_a_name_in_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "in"
    (inside / "x").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert first_there("x", [inside]) == inside / "x"
    assert first_there("x", [inside], Path.is_file) is None
    (tmp_path / "x").touch()
    assert first_there("x", [inside], Path.is_file) == Path("x")
