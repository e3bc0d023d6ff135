"""Compare the Triton kernels, interpreted on the CPU, with the same steps in torch.

test_kernels.py runs it, see `interpreted`.
"""

from collections.abc import Callable, Mapping

import torch
from torch import nn
from torchvision.models.optical_flow import raft_large, raft_small

from interpreted import Case, print_cases
from kinograph.engines.flow.raft import kernels
from kinograph.engines.flow.raft.correlation import Lookup, Volume
from kinograph.engines.flow.raft.encoder import Encoders
from kinograph.engines.flow.raft.layers import FlowFeatures, FlowHead, UpdateBlock


def look(radius: int, *, beside: bool) -> Case:
    random = torch.Generator().manual_seed(radius)
    size, channels = (8, 9), 40
    one, two = (torch.randn(2, 16, *size, generator=random) for _ in range(2))
    side = 2 * radius + 1
    weight = torch.randn(channels, 4 * side * side, 1, 1, generator=random)
    lookup = Lookup(weight, torch.randn(channels, generator=random), radius)
    centres = torch.randn(2, 2, *size, generator=random) * 8 + 4
    centres[0, 0, 0, 0], centres[0, 1, 3, 3], centres[1, 0, 7, 8] = 1e9, -1e9, 1e30
    features = torch.randn(2, 32, *size, generator=random), torch.randn(32, generator=random)
    volume = Volume(one, two)
    return lambda: lookup(volume, centres, features if beside else None)


def flow_features() -> Case:
    layer = FlowFeatures(nn.Conv2d(2, 64, 7, padding=3))
    flow = torch.randn(2, 2, 8, 9) * 5
    return lambda: layer(flow)


def flow_head() -> Case:
    source = raft_small(weights=None).update_block.flow_head
    layer = FlowHead(source)
    state = torch.randn(2, 96, 8, 9)
    return lambda: layer(state)


def encoders() -> Case:
    source = raft_small(weights=None).eval()
    for module in source.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.normal_(module.bias, std=0.5)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
    layer = Encoders(source.feature_encoder, source.context_encoder)
    images = torch.rand(2, 3, 24, 40)  # cells that fill no tile
    return lambda: layer(images)


def update(*, large: bool) -> Case:
    source = (raft_large if large else raft_small)(weights=None)
    block = UpdateBlock(source.update_block, source.corr_block.radius)
    one, two = (torch.randn(2, 16, 8, 9) for _ in range(2))
    volume = Volume(one, two)
    hidden, fixed = block.begun(torch.randn(2, 256 if large else 160, 8, 9))
    centres, flow = torch.rand(2, 2, 8, 9) * 12 - 2, torch.randn(2, 2, 8, 9)
    return lambda: block(volume, hidden, fixed, centres, flow)


CASES: Mapping[str, Callable[[], Case]] = {
    "look-3": lambda: look(3, beside=False),
    "look-3-beside": lambda: look(3, beside=True),
    "look-4": lambda: look(4, beside=False),
    "flow_features": flow_features,
    "flow_head": flow_head,
    "encoders": encoders,
    "update_small": lambda: update(large=False),
    "update_large": lambda: update(large=True),
}


if __name__ == "__main__":
    print_cases(kernels, CASES)
