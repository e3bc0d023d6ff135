"""NeuFlow v2 on seeded random weights: golden values, order of frames, files, export."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from kinograph.engines.errors import ModelError
from kinograph.engines.flow.families.neuflow import LEAST, STRIDE, NeuFlow, _Volume, load, network
from kinograph.engines.runtime.tensor_spec import BATCH, HEIGHT, WIDTH

State = dict[str, Tensor]

# What the authors' program gives for the weights `state()` and the images `frames()`.
_MEANS = [-1.8316, 3.1057, -2.2245, 3.1671]
_SPREADS = [10.0337, 14.1745, 10.0854, 14.2169]
_PIXELS = [
    [[7.0281, 1.6851, -2.8082], [0.5887, -8.2556, -5.6729], [8.36, -15.4136, -20.8399]],
    [[19.7492, 24.6487, 15.3281], [18.602, 5.8139, -4.798], [-14.5263, -13.364, -18.699]],
    [[6.8951, 1.1426, -2.9671], [0.2851, -8.7761, -6.0212], [8.142, -16.3796, -21.1188]],
    [[19.987, 24.6641, 15.2883], [18.8791, 5.4574, -4.7526], [-14.4065, -13.2252, -18.7503]],
]


def state(seed: int = 0) -> State:
    """Weights that no two machines differ in, by the name and shape of each tensor."""
    random = torch.Generator().manual_seed(seed)
    made = {}
    for name, value in NeuFlow().state_dict().items():
        noise = torch.rand(value.shape, generator=random)
        if value.dim() > 1:
            reach = (6 / (value.shape[1] + value.shape[0]) / value[0, 0].numel()) ** 0.5
            made[name] = (2 * noise - 1) * reach
        elif name.endswith("running_var") or (".norm" in name and name.endswith("weight")):
            made[name] = noise + 0.5
        else:
            made[name] = (noise - 0.5) * 0.2 if value.is_floating_point() else value
    return made


def frames(count: int = 3, size: tuple[int, int] = (96, 128)) -> Tensor:
    random = torch.Generator().manual_seed(1)
    coarse = torch.rand(count, 3, size[0] // 8, size[1] // 8, generator=random)
    return nn.functional.interpolate(coarse, size=size, mode="bilinear")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("neuflow") / "neuflow_v2.safetensors"
    save_file(state(), path)
    return path


def run(module: nn.Module, images: Tensor) -> dict[str, Tensor]:
    with torch.inference_mode():
        outputs: dict[str, Tensor] = module(images)
    return outputs


def test_the_published_layout() -> None:
    parameters = NeuFlow().parameters()
    assert sum(value.numel() for value in parameters) == 9_029_536
    names = set(NeuFlow().state_dict())
    assert len(names) == 155
    assert {"cross_attn_s16.layers.1.mlp.2.weight", "refine_s8.conv_layers.4.conv.weight"} <= names


def test_golden_values(weights: Path) -> None:
    flow = run(load(weights), frames())["flow"]
    assert flow.shape == (2, 2, 96, 128)
    assert flow.mean((2, 3)).flatten().tolist() == pytest.approx(_MEANS, abs=1e-3)
    assert flow.std((2, 3)).flatten().tolist() == pytest.approx(_SPREADS, abs=1e-3)
    sampled = flow.flatten(0, 1)[:, 5::40, 11::50]
    assert torch.allclose(sampled, torch.tensor(_PIXELS), rtol=0, atol=1e-3)


def test_rows_are_the_pairs_in_order(weights: Path) -> None:
    module, images = load(weights), frames(4)
    together = run(module, images)["flow"]
    for row in range(3):
        alone = run(module, images[row : row + 2])["flow"]
        assert torch.allclose(together[row : row + 1], alone, atol=1e-3)


def test_the_way_back_is_the_clip_backwards(weights: Path) -> None:
    images = frames()
    forward = load(weights)
    both = run(load(weights, both=True), images)
    assert list(both) == ["flow", "backward"]
    assert torch.allclose(both["flow"], run(forward, images)["flow"], atol=1e-3)
    backwards = run(forward, images.flip(0))["flow"].flip(0)
    assert torch.allclose(both["backward"], backwards, atol=1e-3)


def test_the_number_of_updates_counts(weights: Path) -> None:
    few, many = (run(load(weights, updates=n), frames(2))["flow"] for n in (1, 8))
    assert not torch.allclose(few, many, atol=1e-2)


@pytest.mark.parametrize("size", [(LEAST, LEAST), (LEAST, 144), (112, 80)])
def test_sizes(weights: Path, size: tuple[int, int]) -> None:
    flow = run(load(weights, updates=1), frames(2, size))["flow"]
    assert flow.shape == (1, 2, *size)
    assert bool(flow.isfinite().all())


def test_far_flow_finds_nothing_and_breaks_nothing() -> None:
    one, two = torch.rand(2, 1, 8, 6, 5).unbind()
    volume = _Volume(one, two)
    far = torch.full((1, 2, 6, 5), 1e6)
    for flow in (far, -far):
        assert not volume.round(flow).any()
    here = volume.round(torch.zeros(1, 2, 6, 5))
    assert here.shape == (1, 81, 6, 5)
    # the middle of the neighbourhood is the cell's own product; x is the slower offset
    own = (one * two).sum(1) / 8**0.5
    assert torch.allclose(here[:, 40], own, atol=1e-6)
    right = (one[..., :-1] * two[..., 1:]).sum(1) / 8**0.5
    assert torch.allclose(here[:, 49, :, :-1], right, atol=1e-6)
    half = volume.round(torch.tensor([0.5, 0.0]).view(1, 2, 1, 1).expand(1, 2, 6, 5))
    assert torch.allclose(half[:, 40, :, :-1], (own[..., :-1] + right) / 2, atol=1e-6)


def test_a_cell_that_matches_one_other_moves_there() -> None:
    cells = torch.eye(30).view(1, 30, 6, 5) * 20
    moved = cells.roll((1, 2), (2, 3))  # down by one, right by two
    flow = _Volume(cells, moved).match()
    assert torch.allclose(flow[:, :, :-1, :-2], torch.tensor([2.0, 1.0]).view(1, 2, 1, 1))


def test_half_precision_keeps_coordinates_exact(weights: Path) -> None:
    module, images = load(weights), frames(2)
    wanted = run(module, images)["flow"]
    flow = run(module.bfloat16(), images.bfloat16())["flow"]
    assert flow.dtype == torch.float32
    assert float((flow - wanted).norm() / wanted.norm()) < 5e-2


def test_the_authors_own_file(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "neuflow_mixed.pth"
    torch.save({"model": state()}, path)
    images = frames(2)
    assert torch.equal(run(load(path), images)["flow"], run(load(weights), images)["flow"])


def test_folding_changes_nothing(weights: Path) -> None:
    plain = NeuFlow().eval()
    plain.load_state_dict(state())
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in plain.backbone.modules())
    images = frames(2)
    wanted = run(plain, images)["flow"]
    folded = load(weights)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.backbone.modules())
    assert torch.allclose(run(folded, images)["flow"], wanted, atol=1e-3)


def without(name: str) -> State:
    return {key: value for key, value in state().items() if key != name}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            without("refine_s8.conv3.bias"),
            r"refine_s8\.conv3\.bias: expected \[66\], found none$",
        ),
        (
            state() | {"conv_s8.conv1.weight": torch.zeros(128, 3, 4, 4)},
            r"conv_s8\.conv1\.weight: expected \[128, 3, 8, 8\], found \[128, 3, 4, 4\]$",
        ),
        (
            state() | {"head.weight": torch.zeros(3)},
            r"head\.weight: expected none, found \[3\]$",
        ),
        (
            {"fnet.weight": torch.zeros(3)},
            r"block_8_1\.conv1\.weight: .* found none \(and \d+ more tensors\)$",
        ),
    ],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_of_another_network(
    tmp_path: Path, wrong: State, message: str, suffix: str
) -> None:
    path = tmp_path / f"wrong{suffix}"
    if suffix == ".pth":
        torch.save(wrong, path)
    else:
        save_file(wrong, path)
    told = f"wrong{suffix}: not the weights of NeuFlow v2: .*{message}"
    with pytest.raises(ModelError, match=told):
        load(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", bytes(64)])
def test_a_file_that_is_no_weights(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read as weights"):
        load(path)


def test_a_pth_file_that_holds_no_tensors(tmp_path: Path) -> None:
    path = tmp_path / "list.pth"
    torch.save([1, 2], path)
    with pytest.raises(ModelError, match="not the weights of NeuFlow v2"):
        load(path)


@pytest.mark.parametrize("both", [False, True])
def test_is_exported_for_any_number_of_frames_and_size(weights: Path, both: bool) -> None:
    module = network(updates=1, both=both).module(weights)
    rows = torch.export.Dim("rows", min=1, max=4095)
    high, wide = (torch.export.Dim(side, min=LEAST // STRIDE, max=4096) for side in "hw")
    sizes = {0: rows + 1, 2: STRIDE * high, 3: STRIDE * wide}
    with torch.no_grad():
        program = torch.export.export(module, (frames(3, (128, 144)),), dynamic_shapes=(sizes,))
        for images in (frames(5, (64, 112)), frames(3, (96, 64))):
            wanted, found = module(images), program.module()(images)
            assert list(found) == list(wanted)
            for name, value in found.items():
                assert torch.allclose(value, wanted[name], atol=1e-3)


def test_network() -> None:
    plain, fast = network(), network(updates=4, both=True)
    assert plain.name == "neuflow_v2-8"
    assert (plain.stride, plain.least, plain.min_batch) == (16, 64, 2)
    rows = (BATCH - 1, 2, HEIGHT, WIDTH)
    assert {spec.name: spec.dims for spec in plain.outputs} == {"flow": rows}
    assert fast.name == "neuflow_v2-4-both"
    assert {spec.name: spec.dims for spec in fast.outputs} == {"flow": rows, "backward": rows}
    for wrong in (-1, 65):
        with pytest.raises(ModelError, match=f"expected 1 to 64, or 0 for 8, found {wrong}"):
            network(updates=wrong)
