"""Our SPyNet with real weights: as published, and as good as measured before."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from kinograph.engines.datasets import made_flow as made
from kinograph.engines.datasets.flow import motorcycle
from kinograph.engines.errors import ModelError
from kinograph.engines.evaluation.flow import Truth, evaluate_flow
from kinograph.engines.flow.dis import Dis
from kinograph.engines.flow.families.spynet import SPyNet, load, network
from spynet_weights import published, weights


@pytest.fixture(scope="module")
def spynet() -> SPyNet:
    return load(weights())


@pytest.fixture(scope="module")
def images() -> Tensor:
    """[3,3,128,160] of a scene that turns."""
    frames, _ = made.make("turn", size=(128, 160), frames=3)
    return frames.movedim(-1, 1)


@pytest.fixture(scope="module")
def half() -> tuple[Tensor, Truth]:
    """The stereo pair [2,3,H,W] and its truth at half the size, in pixels of that."""
    frames, truth = motorcycle().pairs[0].load()
    images = F.interpolate(frames.movedim(-1, 1), scale_factor=0.5, mode="area")
    height, width = images.shape[2:]
    flow, valid = truth.flow / 2, truth.valid
    flow, valid = flow[:, :, ::2, ::2], valid[:, ::2, ::2]
    there = Truth("half", "half", flow[..., :height, :width], valid[:, :height, :width])
    return images, there


def epe(flow: Tensor, truth: Truth) -> float:
    return float(evaluate_flow([(flow, truth)])["total"]["all"]["epe"])


@pytest.mark.filterwarnings("ignore:torch.meshgrid")
def test_agrees_with_the_published_code(spynet: SPyNet, images: Tensor) -> None:
    with torch.inference_mode():
        flow = spynet(images)["flow"]
        wanted = published()(images[:-1], images[1:])
    assert flow.shape == (2, 2, 128, 160)
    assert float(wanted.abs().max()) > 4
    assert float((flow - wanted).abs().max()) < 5e-3


def test_is_as_good_as_measured_before(spynet: SPyNet, half: tuple[Tensor, Truth]) -> None:
    images, truth = half
    height, width = images.shape[2:]
    padded = F.pad(images, (0, -width % 32, 0, -height % 32), mode="replicate")
    with torch.inference_mode():
        flow = spynet(padded)["flow"][:, :, :height, :width]
    assert epe(flow, truth) == pytest.approx(1.66, rel=0.05)


@pytest.mark.parametrize(("preset", "px"), [("ultrafast", 2.66), ("fast", 2.30), ("medium", 1.63)])
def test_dis_is_as_good_as_measured_before(
    half: tuple[Tensor, Truth], preset: str, px: float
) -> None:
    images, truth = half
    assert epe(Dis(preset)(images, "forward")["forward"], truth) == pytest.approx(px, rel=0.05)


def test_both_directions_at_once(spynet: SPyNet, images: Tensor) -> None:
    both = load(weights(), both=True)
    with torch.inference_mode():
        found = both(images)
        forward, backward = spynet(images)["flow"], spynet(images.flip(0))["flow"].flip(0)
    assert list(found) == ["flow", "backward"]
    assert torch.allclose(found["flow"], forward, atol=1e-4)
    assert torch.allclose(found["backward"], backward, atol=1e-4)
    assert not torch.allclose(forward, backward, atol=1)


def test_half_precision_keeps_coordinates_exact(spynet: SPyNet, images: Tensor) -> None:
    images = images[:2, :, 32:96, 32:96]  # half precision is slow on a CPU
    with torch.inference_mode():
        wanted = spynet(images)["flow"]
        flow = load(weights()).half()(images.half())["flow"]
    assert flow.dtype == torch.float32
    assert float((flow - wanted).norm() / wanted.norm()) < 1e-2


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("prefix", ["", "spynet."])
@pytest.mark.parametrize("colours", [True, False])
def test_files_of_spynet_alone_and_inside(
    tmp_path: Path, images: Tensor, suffix: str, prefix: str, colours: bool
) -> None:
    torch.manual_seed(0)
    module = SPyNet()
    state = {
        f"{prefix}{name}": value
        for name, value in module.state_dict().items()
        if colours or name not in ("mean", "std")
    }
    if prefix:
        state["conv_last.weight"] = torch.zeros(3, 64, 3, 3)
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"params": state}, path)
    else:
        save_file(state, path)
    with torch.inference_mode():
        assert torch.equal(load(path)(images)["flow"], module.eval()(images)["flow"])


def test_other_weights_are_refused(tmp_path: Path) -> None:
    first = "basic_module.0.basic_module.0.weight"
    for change, message in (
        ({first: None}, f"{first}: expected [32, 8, 7, 7], found none"),
        ({first: torch.zeros(32, 6, 7, 7)}, f"{first}: expected [32, 8, 7, 7], found [32, 6, 7"),
        ({"head.bias": torch.zeros(2)}, "head.bias: expected none, found [2]"),
        ({"mean": torch.zeros(3)}, "mean: expected [1, 3, 1, 1], found [3]"),
    ):
        state = {k: v for k, v in (SPyNet().state_dict() | change).items() if v is not None}
        path = tmp_path / "weights.safetensors"
        save_file(state, path)
        with pytest.raises(ModelError) as error:
            load(path)
        assert str(error.value).startswith(f"{path}: not the weights of SPyNet: {message}")


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors", "no.pth"])
def test_a_file_that_is_none(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name != "no.pth":
        path.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="cannot be read as weights"):
        load(path)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ModelError, match=r"expected \[32, 8, 7, 7\], found none \(and 59 more"):
        load(tmp_path / "list.pth")


def test_it_has_no_updates() -> None:
    with pytest.raises(ModelError, match="updates: expected 0, as SPyNet has none, found 12"):
        network(updates=12)


def test_is_exported_for_any_number_of_frames_of_any_size(images: Tensor) -> None:
    module = load(weights(), both=True)
    rows, high, wide = (torch.export.Dim(name, min=2, max=64) for name in ("rows", "high", "wide"))
    shapes = ({0: rows + 1, 2: 32 * high, 3: 32 * wide},)
    program = torch.export.export(module, (images,), dynamic_shapes=shapes)
    others = images.repeat(2, 1, 1, 1)[:5, :, :96, :96]
    with torch.inference_mode():
        wanted = module(others)
        found = program.module()(others)
    for name, flow in wanted.items():
        assert torch.allclose(found[name], flow, atol=1e-4), name
