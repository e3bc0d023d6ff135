"""RAFT small as it is trained: what torchvision's gives, with the same gradients."""

import math
from importlib.util import find_spec

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.optical_flow import raft_small

from interpreted import run_script
from kinograph.engines.flow.families.raft import RAFT
from kinograph.engines.flow.raft.unrolled import Unrolled, upsampled

UPDATES = 3
SIZE = (128, 136)


def network() -> nn.Module:
    torch.manual_seed(0)
    return raft_small(weights=None).train()


def frames() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    first, second = torch.rand(2, 2, 3, *SIZE, generator=random)
    return first, second


def gradients(module: nn.Module, flows: Tensor) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(2)
    module.zero_grad()
    (flows * torch.randn(flows.shape, generator=random)).sum().backward()
    return {name: value.grad for name, value in module.named_parameters() if value.grad is not None}


def test_flows_and_gradients_are_torchvisions() -> None:
    module = network()
    first, second = frames()
    theirs = torch.stack(module(first * 2 - 1, second * 2 - 1, num_flow_updates=UPDATES))
    wanted = gradients(module, theirs)
    ours = upsampled(Unrolled(module)(first, second, UPDATES))
    found = gradients(module, ours)
    assert theirs.abs().mean() > 0.3
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)
    assert found.keys() == wanted.keys() == dict(module.named_parameters()).keys()
    largest = max(float(value.norm()) for value in wanted.values())
    for name, value in wanted.items():
        # Biases before a normalisation have a gradient of zero, up to rounding.
        assert float((found[name] - value).norm()) < 1e-4 * float(value.norm()) + 1e-6 * largest


def test_the_last_flow_is_that_of_inference() -> None:
    module = network().eval()
    first, second = frames()
    with torch.no_grad():
        ours = upsampled(Unrolled(module)(first[:1], second[:1], UPDATES)[-1])
        wanted = RAFT(module, updates=UPDATES)(torch.cat([first[:1], second[:1]]))["flow"]
    torch.testing.assert_close(ours, wanted, rtol=0, atol=1e-4)


def test_in_bfloat16_it_is_nearly_the_same() -> None:
    module = network()
    first, second = frames()
    with torch.no_grad():
        exact = Unrolled(module)(first, second, UPDATES)
        with torch.autocast("cpu", torch.bfloat16):
            half = Unrolled(module)(first, second, UPDATES)
    assert half.dtype == torch.float32
    assert float((half - exact).abs().mean()) < 0.05 * float(exact.abs().mean())


@pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")
@pytest.mark.parametrize("case", ["seen", "learned", "learned_half"])
def test_the_kernels_agree_with_steps_of_torch(
    case: str, cases: dict[str, tuple[bool, float, float]]
) -> None:
    shapes, difference, largest = cases[case]
    assert shapes
    assert math.isfinite(largest)
    assert largest > 0.1
    assert difference < (2e-2 if case == "learned_half" else 2e-5)


@pytest.fixture(scope="module")
def cases() -> dict[str, tuple[bool, float, float]]:
    return run_script("looking_in_steps.py", timeout=300)
