"""RAFT's own forward pass against torchvision's, on random weights."""

import pytest
import torch
from torch import Tensor
from torchvision.models.optical_flow import raft_large, raft_small

from kinograph.engines.flow.families.raft import RAFT
from kinograph.engines.flow.raft import correlation


def frames(count: int = 3, size: tuple[int, int] = (128, 168)) -> Tensor:
    random = torch.Generator().manual_seed(1)
    coarse = torch.rand(count, 3, size[0] // 8, size[1] // 8, generator=random)
    return torch.nn.functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1)


def pair(*, large: bool) -> tuple[RAFT, torch.nn.Module]:
    torch.manual_seed(0)
    theirs = (raft_large if large else raft_small)(weights=None).eval()
    return RAFT(theirs).eval(), theirs


@pytest.mark.parametrize("large", [False, True])
def test_agrees_with_torchvision(large: bool) -> None:
    ours, theirs = pair(large=large)
    images = frames()
    with torch.inference_mode():
        flow = ours(images)["flow"]
        scaled = images * 2 - 1
        wanted = theirs(scaled[:-1], scaled[1:], num_flow_updates=12)[-1]
    assert flow.shape == (2, 2, 128, 168)
    assert float(wanted.abs().max()) > 1
    assert float((flow - wanted).abs().max()) < 1e-3


def test_half_precision_keeps_coordinates_exact() -> None:
    ours, _ = pair(large=False)
    images = frames()
    with torch.inference_mode():
        wanted = ours(images)["flow"]
        flow = ours.half()(images.half())["flow"]
    assert flow.dtype == torch.float32
    assert float((flow - wanted).norm() / wanted.norm()) < 2e-2


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("kept", [1.5, 0.1])
def test_large_volumes_one_by_one_and_in_parts(
    kept: float, warm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kept: of one pair's volume; below one it is computed in parts."""
    torch.manual_seed(0)
    network = RAFT(raft_small(weights=None).eval(), updates=3, both=True).eval()
    images = frames()
    start = torch.randn(4, 2, 16, 21) if warm else None
    with torch.inference_mode():
        whole = network(images, start)
        monkeypatch.setattr(
            correlation, "_WHOLE", int(kept * correlation.volume_bytes(128, 168, 4))
        )
        found = network(images, start)
    for name in ("flow", "backward"):
        torch.testing.assert_close(found[name], whole[name], atol=1e-4, rtol=1e-4)
