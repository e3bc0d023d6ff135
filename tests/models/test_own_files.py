"""Users' own files: names that are none."""

from pathlib import Path

import pytest

from kinograph.engines.errors import ModelError
from kinograph.engines.models.registry import resolve


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rtmo:missing.onnx", r"model rtmo:missing\.onnx: there is no .*missing\.onnx; put"),
        ("rtmo:folder.onnx", "there is no"),
        ("rtmo:", "expected the name of a file in the models folder, found ''"),
        ("rtmo:../x.onnx", r"expected the name of a file in the models folder, found '\.\./x"),
        ("rtmo:a/../../x.onnx", "expected the name of a file"),
        ("rtmo:..\\x.onnx", "expected the name of a file"),
        ("rtmo:/etc/x.onnx", "expected the name of a file"),
        ("rtmo:\\\\server\\share\\x.onnx", "expected the name of a file"),
        ("rtmo:C:\\x.onnx", "expected the name of a file"),
        ("rtmo:C:x.onnx", "expected the name of a file"),
        ("rtmo:x.safetensors", r"rtmo comes as \.onnx, found 'x\.safetensors'"),
        ("vitpose_base:x.onnx", r"vitpose_base comes as \.safetensors, found 'x\.onnx'"),
        ("vitpose_plus_huge:x", r"vitpose_plus_huge comes as \.safetensors, found 'x'"),
        ("openpose:x.onnx", "family: expected one of yolo_nas_pose, .* found 'openpose'"),
        (":x.onnx", "family: expected one of .* found ''"),
        ("movenet:x.onnx", "family: expected one of"),
    ],
)
def test_names_that_are_no_own_file(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "models" / "folder.onnx").mkdir(parents=True)
    (tmp_path / "x.onnx").write_bytes(b"beside the folder")
    with pytest.raises(ModelError, match=message):
        resolve(name, folder=tmp_path / "models")
