"""Users' own files: names that are none."""

import os
from pathlib import Path

import pytest
import torch

from kinograph.engines.errors import ModelError
from kinograph.engines.models.registry import resolve
from kinograph.engines.models.tensors import read_tensors


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
        ("rtmo:a\0b.onnx", "no file can have the name"),
        ("rtmo:" + "x" * 5000 + ".onnx", "no file can have the name"),
        ("rtmo:\ud800.onnx", "there is no|no file can have the name"),
        ("y" * 5000 + ":x.onnx", "family: expected one of"),
        ("z" * 5000, "model: expected one of"),
    ],
)
def test_names_that_are_no_own_file(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "models" / "folder.onnx").mkdir(parents=True)
    (tmp_path / "x.onnx").write_bytes(b"beside the folder")
    with pytest.raises(ModelError, match=message) as caught:
        resolve(name, folder=tmp_path / "models")
    assert len(str(caught.value)) < 1500


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"\x80\x02K\x01.",  # five bytes of pickle: the number 1
        b"\x80\x02}q\x00.",
        b"PK\x03\x04" + bytes(40),
        b"\xff" * 8 + b"{}",  # a header of 2**64 - 1 bytes
        b"\x80\x02cos\nsystem\n(S'true'\ntR.",
    ],
)
def test_files_that_hold_no_weights(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    found, said = {}, ""
    try:
        found = read_tensors(path)
    except ModelError as error:
        said = str(error)
    assert found == {}
    assert not said or said.startswith(f"{path}: cannot be read as weights: ")


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices")
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "nothing"])
def test_weights_that_are_no_file(tmp_path: Path, suffix: str, kind: str) -> None:
    path = tmp_path / f"weights{suffix}"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(ModelError, match="cannot be read as weights: "):
        read_tensors(path)


def test_keys_that_are_no_names(tmp_path: Path) -> None:
    torch.save({1: torch.ones(2), "a": torch.ones(3), (2,): 1}, tmp_path / "weights.pth")
    assert list(read_tensors(tmp_path / "weights.pth")) == ["a"]
