"""Networks against the answers of other programs, and files that do not fit."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper, save
from safetensors.torch import save_file
from spandrel import ModelLoader
from spandrel.architectures.Compact.__arch.SRVGG import SRVGGNetCompact
from spandrel.architectures.ESRGAN.__arch.RRDB import RRDBNet as TheirRRDBNet
from torch import nn

from kinograph.engines.errors import InputError, ModelError
from kinograph.engines.models.families import families
from kinograph.engines.models.registry import Model, registry, resolve
from kinograph.engines.runtime.network import network_of
from kinograph.engines.upscale.families.realesr_compact import Compact
from kinograph.engines.upscale.families.rrdbnet import RRDBNet, Shape
from kinograph.engines.upscale.family import traits_of
from kinograph.engines.upscale.files import family_of_file
from upscale_models import model_of, saved


def outputs(model: Model, images: torch.Tensor) -> torch.Tensor:
    module = network_of(model).module(model.path)
    with torch.inference_mode():
        found: torch.Tensor = module(images)["image"]
    return found


def test_the_embedded_network_gives_the_answers_of_ncnn(root: Path) -> None:
    oracle = np.load(root / "tests" / "data" / "upscale" / "animevideov3.npz")
    images = torch.from_numpy(oracle["input"])[None].float() / 255
    found = outputs(resolve("realesr_animevideov3_x4"), images)[0, :, 1::3, 1::3]
    wanted = torch.from_numpy(oracle["output"]).float()
    assert float(wanted.std()) > 0.1
    # the answers are stored in half precision, whose steps are 0.0005 below 1
    torch.testing.assert_close(found, wanted, atol=3e-4, rtol=0)


@pytest.mark.parametrize(("scale", "features", "layers"), [(4, 64, 3), (2, 24, 5), (1, 32, 1)])
def test_compact_networks_agree_with_spandrel(
    scale: int, features: int, layers: int, tmp_path: Path
) -> None:
    theirs = SRVGGNetCompact(num_feat=features, num_conv=layers, upscale=scale).eval()
    model = saved(theirs, "realesr_compact", tmp_path)
    images = torch.rand(2, 3, 17, 22)
    with torch.inference_mode():
        torch.testing.assert_close(outputs(model, images), theirs(images), atol=1e-5, rtol=0)
    assert (traits_of(model).scale, traits_of(model).radius) == (scale, layers + 2)


@pytest.mark.parametrize(("folded", "scale"), [(1, 4), (2, 2)])
def test_rrdbnet_agrees_with_spandrel(folded: int, scale: int, tmp_path: Path) -> None:
    ours = RRDBNet(Shape(16, 32, 2, folded))
    for part in ours.modules():
        if isinstance(part, nn.Conv2d):  # blocks that count beside what they are added to
            nn.init.kaiming_normal_(part.weight)
    model = saved(ours, "rrdbnet", tmp_path)
    theirs = ModelLoader().load_from_file(model.path)
    assert theirs.architecture.name == "ESRGAN"
    images = torch.rand(2, 3, 16, 24)
    with torch.inference_mode():
        wanted = theirs.model(images)
        blocks = ours.body(ours.conv_first(torch.rand(1, 3 * folded**2, 8, 8)))
    assert float(blocks.std()) > 0.5
    assert wanted.shape[2:] == (16 * scale, 24 * scale)
    torch.testing.assert_close(outputs(model, images), wanted, atol=1e-4, rtol=1e-4)
    assert traits_of(model).scale == scale
    assert not traits_of(model).exact or traits_of(model).radius < 64


def test_the_names_of_the_first_esrgan(tmp_path: Path) -> None:
    """As in 4x-UltraSharp and most networks of that time."""
    theirs = TheirRRDBNet(num_filters=16, num_blocks=2).eval()  # carries the old names
    old = {
        "conv_first": "model.0",
        "conv_body": "model.1.sub.2",
        "conv_up1": "model.3",
        "conv_up2": "model.6",
        "conv_hr": "model.8",
        "conv_last": "model.10",
    }
    ours = RRDBNet(Shape(16, 32, 2, 1))
    state = {}
    for name, value in ours.state_dict().items():
        stem, _, kind = name.rpartition(".")
        stem = old.get(stem) or re.sub(
            r"body\.(\d)\.rdb(\d)\.conv(\d)", r"model.1.sub.\1.RDB\2.conv\3.0", stem
        )
        state[f"{stem}.{kind}"] = value.clone()
    assert set(state) == set(theirs.state_dict())
    theirs.load_state_dict(state)
    save_file(state, tmp_path / "old.safetensors")
    assert family_of_file(tmp_path / "old.safetensors") == "rrdbnet"
    model = model_of(tmp_path / "old.safetensors", "rrdbnet")
    images = torch.rand(1, 3, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(outputs(model, images), theirs(images), atol=1e-5, rtol=1e-4)


def test_weights_that_training_averaged_are_preferred(tmp_path: Path) -> None:
    mean, last = Compact(16, 1, 2), Compact(16, 1, 2)
    path = tmp_path / "trained.pth"
    torch.save({"params": last.state_dict(), "params_ema": mean.state_dict()}, path)
    assert family_of_file(path) == "realesr_compact"
    images = torch.rand(1, 3, 16, 16)
    with torch.inference_mode():
        wanted = mean.eval()(images)["image"]
    torch.testing.assert_close(outputs(model_of(path, "realesr_compact"), images), wanted)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A file of an architecture that is not ours: SPAN."""
    from spandrel.architectures.SPAN import SPAN

    path = tmp_path / "span.pth"
    torch.save(SPAN(num_in_ch=3, num_out_ch=3, feature_channels=16, upscale=2).state_dict(), path)
    return path


def test_every_other_architecture_goes_through_spandrel(other: Path) -> None:
    assert family_of_file(other) == "spandrel"
    model = model_of(other, "spandrel")
    images = torch.rand(2, 3, 17, 20)
    theirs = ModelLoader().load_from_file(other)
    with torch.inference_mode():
        wanted = theirs.model(images)
    torch.testing.assert_close(outputs(model, images), wanted, atol=1e-4, rtol=0)
    assert "SPAN, 2x, found by spandrel" in traits_of(model).note


@pytest.mark.parametrize(
    ("family", "title"), [("realesr_compact", "a compact"), ("rrdbnet", "an R")]
)
def test_a_file_of_another_architecture(family: str, title: str, other: Path) -> None:
    with pytest.raises(ModelError) as caught:
        network_of(model_of(other, family))
    said = str(caught.value)
    assert said.startswith(f"span.pth: expected the weights of {title}")
    assert said.endswith("choose the family spandrel")
    assert "\n" not in said


def test_our_families_name_each_other(tmp_path: Path) -> None:
    compact = saved(Compact(16, 1, 2), "realesr_compact", tmp_path)
    with pytest.raises(ModelError, match="choose the family realesr_compact"):
        network_of(model_of(compact.path, "rrdbnet"))
    rrdb = saved(RRDBNet(Shape(16, 8, 1, 1)), "rrdbnet", tmp_path)
    with pytest.raises(ModelError, match="choose the family rrdbnet"):
        network_of(model_of(rrdb.path, "realesr_compact"))


def test_what_spandrel_does_not_know_either(tmp_path: Path) -> None:
    save_file({"some.weight": torch.zeros(3, 3)}, tmp_path / "odd.safetensors")
    with pytest.raises(ModelError, match=r"odd.safetensors: expected an upscaler .*some.weight"):
        network_of(model_of(tmp_path / "odd.safetensors", "spandrel"))


@pytest.mark.parametrize("family", ["realesr_compact", "rrdbnet", "spandrel"])
def test_damaged_files(family: str, tmp_path: Path) -> None:
    path = tmp_path / "damaged.pth"
    path.write_bytes(b"not weights")
    with pytest.raises(ModelError, match=r"damaged.pth: cannot be read as weights"):
        network_of(model_of(path, family))


def test_without_spandrel(other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kinograph.engines.upscale.families.spandrel.find_spec", lambda name: None)
    with pytest.raises(ModelError, match="not installed; run: pip install spandrel"):
        network_of(model_of(other, "spandrel"))


def test_models_of_other_tasks_are_refused() -> None:
    with pytest.raises(
        InputError, match="movenet_multipose does not upscale; choose a model in Lo"
    ):
        traits_of(resolve("movenet_multipose"))


def test_published_models_are_pinned() -> None:
    known = [entry for entry in registry().values() if entry.task == "upscale"]
    assert [entry.embedded for entry in known] == [True, False, False, False]
    for entry in known:
        assert len(entry.main.sha256) == 64
        assert entry.main.bytes
    assert {family.name for family in families("upscale")} == {
        "realesr_compact",
        "rrdbnet",
        "spandrel",
        "upscale_onnx",
    }


def graph(
    path: Path,
    *,
    scale: int = 2,
    white: float = 1.0,
    white_out: float = 0.0,
    kind: int = TensorProto.FLOAT,
    dims: tuple[int | str, ...] = ("n", 3, "h", "w"),
    bend: float = 1.0,
) -> Path:
    """Write a graph that repeats every pixel, times `bend`, and is a hundredth brighter."""
    factor = (white_out or white) / white * bend
    scales = numpy_helper.from_array(np.array([1, 1, scale, scale], np.float32), "scales")
    by = numpy_helper.from_array(np.array(factor, np.float32), "by")
    nodes = [
        helper.make_node("Cast", ["actual_input_1"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Resize", ["wide", "", "scales"], ["large"], mode="nearest"),
        helper.make_node("Mul", ["large", "by"], ["bent"]),
        helper.make_node("Add", ["bent", "more"], ["brighter"]),
        helper.make_node("Clip", ["brighter", "", "white"], ["cut"]),
        helper.make_node("Cast", ["cut"], ["output1"], to=kind),
    ]
    top = numpy_helper.from_array(np.array(white_out or white, np.float32), "white")
    more = numpy_helper.from_array(np.array((white_out or white) / 100, np.float32), "more")
    taken = helper.make_tensor_value_info("actual_input_1", kind, dims)
    given = helper.make_tensor_value_info("output1", kind, [None] * 4)
    made = helper.make_graph(nodes, "g", [taken], [given], [scales, by, top, more])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    save(model, str(path))
    return path


@pytest.mark.parametrize(
    ("options", "note"),
    [
        ({}, "2x with pixels in 0..1,"),
        ({"scale": 4, "white": 255.0}, "4x with pixels in 0..255,"),
        ({"white_out": 255.0}, "2x with pixels in 0..1 in and 0..255 out,"),
        ({"white": 255.0, "kind": TensorProto.UINT8}, "2x with pixels in 0..255,"),
        ({"kind": TensorProto.FLOAT16, "dims": (1, 3, 48, 32)}, "2x with pixels in 0..1,"),
    ],
)
def test_scale_and_range_of_an_onnx_file_are_found(
    options: dict[str, object], note: str, tmp_path: Path, made, picture: torch.Tensor
) -> None:
    from kinograph.engines.upscale.upscale import Upscaler

    model = model_of(graph(tmp_path / "own.onnx", **options), "upscale_onnx")
    assert family_of_file(model.path) == "upscale_onnx"
    assert traits_of(model).note.startswith(note)
    assert traits_of(model).note.endswith("found by a trial of actual_input_1")
    engine = made(model, backend="onnxruntime", sizes=(16, 256))
    found = Upscaler(engine, colour_lock=False).update(picture[:, :70, :50])
    scale = traits_of(model).scale
    wanted = picture[:, :70, :50].repeat_interleave(scale, 1).repeat_interleave(scale, 2)
    torch.testing.assert_close(found, (wanted + 0.01).clamp(0, 1), atol=3e-3, rtol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"white": 1.0, "bend": 0.3}, "expected a network that gives its input at a larger size"),
        ({"dims": ("n", 1, "h", "w")}, r"expected one input, images \[N,3,H,W\]"),
        ({"dims": ("n", 3, 64, "w")}, "expected height and width both free or both fixed"),
    ],
)
def test_onnx_files_that_are_no_upscalers(
    options: dict[str, object], message: str, tmp_path: Path
) -> None:
    model = model_of(graph(tmp_path / "own.onnx", **options), "upscale_onnx")
    with pytest.raises(ModelError, match=message):
        network_of(model)
