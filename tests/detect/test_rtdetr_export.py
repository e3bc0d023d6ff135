"""The ONNX graph: any batch, no GridSample, and the same objects as the network finds."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

from kinograph.engines.datasets.synthesise import write_cuboids
from kinograph.engines.detect.rtdetr_pose.agreement import same_objects
from kinograph.engines.detect.rtdetr_pose.model import RTDETRPose, output_names
from kinograph.engines.detect.rtdetr_pose.own import TrainedModel, trained_model
from kinograph.engines.runtime.cache import EngineCache
from kinograph.engines.runtime.engine import Engine
from kinograph.engines.runtime.folders import engine_folder
from kinograph.engines.runtime.onnx_export import exported
from kinograph.workflows.cli import main
from made_checkpoints import TINY, write_checkpoint

CONFIG = replace(TINY, keypoint_scores=True, uncertainty=True)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("export") / "checkpoint.pt", CONFIG)


@pytest.fixture(scope="module")
def found(checkpoint: Path) -> TrainedModel:
    return trained_model(checkpoint)


@pytest.fixture(scope="module")
def model(found: TrainedModel) -> RTDETRPose:
    return found.trained.module


@pytest.fixture(scope="module")
def graph(found: TrainedModel) -> bytes:
    """The graph in the cache that everything here uses: exporting takes a while."""
    cache = EngineCache(engine_folder())
    return exported(found.model, found.network, "fp32", cache).path.read_bytes()


def test_the_graph_has_free_batches_the_names_of_the_contract_and_no_grid_sample(
    graph: bytes,
) -> None:
    found = onnx.load_from_string(graph).graph
    kinds = {node.op_type for node in found.node}
    assert "GridSample" not in kinds
    assert {"GatherElements", "TopK"} <= kinds
    assert [output.name for output in found.output] == output_names(CONFIG)
    ends = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*found.input, *found.output)
    }
    assert all(isinstance(shape[0], str) for shape in ends.values())
    assert ends["images"][1:] == [3, 64, 96]
    assert ends["keypoints"][1:] == [6, 8, 2]
    assert ends["k_delta"][1:] == [4]


@pytest.mark.parametrize("batch", [1, 3, 5])
def test_onnx_runtime_finds_what_the_network_finds(
    model: RTDETRPose, graph: bytes, batch: int
) -> None:
    session = onnxruntime.InferenceSession(graph)
    images = torch.rand(batch, 3, 64, 96, generator=torch.Generator().manual_seed(batch))
    with torch.no_grad():
        wanted = model(images)
    values = session.run(None, {"images": images.numpy()})
    names = [output.name for output in session.get_outputs()]
    found = {name: torch.from_numpy(v) for name, v in zip(names, values, strict=True)}
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, atol=1e-4, rtol=1e-3)
    assert same_objects(wanted, found, "fp32").passed


def outputs() -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 6, 3, generator=random)
    logits[:, :3, 0] += 6
    return {
        "logits": logits,
        "bbox": torch.randn(2, 6, 4, generator=random),
        "rot6d": torch.randn(2, 6, 6, generator=random),
        "k_delta": torch.randn(2, 4, generator=random),
    }


def test_the_order_of_queries_does_not_matter_but_their_values_do() -> None:
    wanted = outputs()
    order = torch.tensor([2, 0, 1, 5, 3, 4])
    found = {n: v if n == "k_delta" else v[:, order] for n, v in wanted.items()}
    verdict = same_objects(wanted, found, "fp32")
    assert verdict.passed
    assert "as matched sets" in verdict.reason
    found["rot6d"] = found["rot6d"] + 0.2
    assert not same_objects(wanted, found, "fp32").passed


def test_only_what_somebody_is_sure_of_has_to_agree() -> None:
    wanted = outputs()
    wanted["logits"][:, 3:, 2] += 9  # background
    found = {n: v.clone() for n, v in wanted.items()}
    found["rot6d"][:, 4] += 1
    assert same_objects(wanted, found, "fp32").passed
    found["logits"][:, 4, 2] -= 30  # now it is an object
    assert not same_objects(wanted, found, "fp32").passed


def test_where_both_see_nothing_the_scores_have_to_agree() -> None:
    wanted = outputs()
    wanted["logits"][..., 2] += 12
    found = {n: v.clone() for n, v in wanted.items()}
    found["bbox"] = found["bbox"].flip(1)
    verdict = same_objects(wanted, found, "fp32")
    assert verdict.passed
    assert verdict.reason.startswith("both see nothing")
    found["logits"][:, 0, 0] += 2
    assert not same_objects(wanted, found, "fp32").passed


@pytest.mark.parametrize("damage", ["nan", "missing", "shape", "k_delta"])
def test_damaged_outputs_never_agree(damage: str) -> None:
    wanted, found = outputs(), outputs()
    if damage == "nan":
        found["bbox"][1, 5, 0] = float("nan")
    elif damage == "missing":
        del found["rot6d"]
    elif damage == "shape":
        found["rot6d"] = found["rot6d"][:, :5]
    else:
        found["k_delta"] = found["k_delta"] + 1
    assert not same_objects(wanted, found, "fp32").passed


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures") / "cuboids"
    write_cuboids(folder, {"val": 3}, size=(64, 96), classes=2)
    return folder


def suite(checkpoint: Path, output: Path, *options: str) -> int:
    files = ["--checkpoint", str(checkpoint), "--output", str(output), "--device", "cpu"]
    return main(["rtdetr", "suite", *files, "--samples", "1", *options])


def test_the_suite_compares_every_head_at_one_image_and_at_many(
    checkpoint: Path, pictures: Path, graph: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "suite.json"
    options = ("--dataset", str(pictures), "--batch", "3", "--iterations", "2", "--warmup", "1")
    assert suite(checkpoint, path, *options, "--backends", "torch,onnxruntime") == 0
    report = json.loads(path.read_text())
    told = report["parity"]["candidates"]["onnxruntime"]
    assert told["outputs"].keys() == set(output_names(CONFIG))
    assert all(0 <= head["ordered"] < 1e-3 for head in told["outputs"].values())
    assert all(0 <= head["matched"] < 1e-3 for head in told["outputs"].values())
    assert [row["input"][0] for row in told["inputs"]] == [1, 3]
    assert 0 <= told["bbox"]["max_abs"] < 1e-4
    assert [(t["name"], t["images"]) for t in report["benchmark"]["results"]] == [
        *(("torch", 1), ("torch", 3), ("onnxruntime", 1), ("onnxruntime", 3))
    ]
    # What was asked for and is not there has not passed.
    assert suite(checkpoint, path, "--backends", "torch,tensorrt_rtx") == 1
    assert not json.loads(path.read_text())["parity"]["candidates"]["tensorrt_rtx"]["available"]
    assert suite(checkpoint, path, "--backends", "abacus") == 2
    assert suite(checkpoint, path, "--dataset", str(pictures), "--batch", "9") == 2


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda out: out["log_z"].fill_(float("nan")), "log_z: NaN or infinity"),
        (lambda out: out.update(bbox=out["bbox"][:, 1:]), "bbox: expected"),
        (lambda out: out.pop("keypoints"), "the output 'keypoints' is missing"),
        (lambda out: out["k_delta"].add_(1), "k_delta: relative error"),
        (lambda out: out["rot6d"].neg_(), "rot6d: relative error"),
    ],
)
def test_the_suite_fails_closed(
    checkpoint: Path,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: Any,
    message: str,
) -> None:
    right = Engine.infer

    def infer(self: Engine, inputs: Any, **more: Any) -> Mapping[str, Tensor]:
        outputs = {name: value.clone() for name, value in right(self, inputs, **more).items()}
        damage(outputs)
        return outputs

    monkeypatch.setattr(Engine, "infer", infer)
    path = tmp_path / "suite.json"
    options = ("--dataset", str(pictures), "--batch", "2", "--backends", "torch")
    assert suite(checkpoint, path, *options) == 1
    told = json.loads(path.read_text())["parity"]["candidates"]["torch"]
    assert told["available"]
    assert not told["passed"]
    assert message in told["reason"]


def test_in_another_order_the_same_objects_pass(
    checkpoint: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Engine.infer

    def infer(self: Engine, inputs: Any, **more: Any) -> Mapping[str, Tensor]:
        outputs = right(self, inputs, **more)
        return {n: v if n == "k_delta" else v.flip(1) for n, v in outputs.items()}

    monkeypatch.setattr(Engine, "infer", infer)
    path = tmp_path / "suite.json"
    options = ("--dataset", str(pictures), "--batch", "2", "--backends", "torch")
    assert suite(checkpoint, path, *options) == 0
    told = json.loads(path.read_text())["parity"]["candidates"]["torch"]
    assert all(not row["ordered"]["passed"] for row in told["inputs"])
    assert all(row["matched"]["passed"] for row in told["inputs"])
    assert suite(checkpoint, path, *options, "--bbox-atol", "-1") == 1


def test_a_graph_is_written_with_what_it_is(
    checkpoint: Path, graph: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out/model.onnx"
    command = ["rtdetr", "export", "--checkpoint", str(checkpoint), "--precision", "fp32"]
    assert main([*command, "--onnx", str(path), "--dry-run"]) == 0
    assert "input images: batch x 3 x 64 x 96" in capsys.readouterr().out
    assert not path.exists()
    assert main([*command, "--onnx", str(path), "--opset", "18", "--image-size", "96x64"]) == 0
    assert path.read_bytes() == graph
    about = json.loads(path.with_name("model.onnx.meta.json").read_text())
    assert about["outputs"]["bbox"] == ["batch", 6, 4]
    assert about["class_names"] == ["cuboid", "symmetric cuboid"]
    assert [row["batch"] for row in about["parity"]["compared"]] == [1, 3]
    (tmp_path / "other.json").write_text(json.dumps({**CONFIG.to_json(), "queries": 5}))
    for options, message in (
        ((), "expected --onnx FILE, --engine FILE or both, found neither"),
        (("--onnx", str(path), "--skip-onnx"), "expected --onnx FILE, --engine FILE or both"),
        (
            ("--engine", str(path), "--max-shape", "2x3x64x64"),
            "--max-shape: expected Nx3x64x96, the input of the checkpoint, found '2x3x64x64'",
        ),
        (("--onnx", str(path), "--opset", "17"), "--opset: expected 18, found 17"),
        (("--onnx", str(path), "--input-name", "x"), "--input-name: expected images, found x"),
        (
            ("--onnx", str(path), "--image-size", "64"),
            "image size: expected 64x64, found",
        ),
        (
            ("--onnx", str(path), "--config", str(tmp_path / "other.json")),
            "is of another config than",
        ),
    ):
        assert main([*command, *options]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize("cards", ["sm75", "sm86,sm89,sm120"])
def test_engines_are_built_for_cards_that_are_not_here(
    checkpoint: Path, graph: bytes, tmp_path: Path, cards: str
) -> None:
    pytest.importorskip(
        "tensorrt_rtx_bindings",
        reason="TensorRT-RTX has wheels for Linux and Windows on x86-64 only",
    )
    path = tmp_path / "model.engine"
    command = ["rtdetr", "export", "--checkpoint", str(checkpoint), "--precision", "fp32"]
    assert (
        main([*command, "--engine", str(path), "--max-shape", "1x3x64x96", "--capability", cards])
        == 0
    )
    assert path.stat().st_size > 4 * 50_000  # its weights
    about = json.loads(path.with_name("model.engine.meta.json").read_text())
    assert about["capabilities"] == cards.split(",")
    assert about["parity"] is None
