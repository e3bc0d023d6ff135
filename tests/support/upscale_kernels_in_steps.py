"""Compare the Triton kernels of upscalers, interpreted on the CPU, with the same steps in torch.

test_upscale_kernels.py runs it, see `interpreted`.
"""

from collections.abc import Callable, Mapping

import torch

from interpreted import Case, print_cases
from kinograph.engines.upscale import kernels
from kinograph.engines.upscale.families.realesr_compact import Compact
from kinograph.engines.upscale.families.rrdbnet import RRDBNet, Shape


def compact(scale: int, size: tuple[int, int], images: int = 2) -> Case:
    module = Compact(64, 2, scale).eval()
    for value in module.parameters():
        if value.ndim == 1:  # biases, and slopes that differ
            torch.nn.init.normal_(value, std=0.3)
    module.fold()
    frames = torch.rand(images, 3, *size).half()
    module.half().to(memory_format=torch.channels_last)
    return lambda: module(frames)["image"]


def rrdb(folded: int, size: tuple[int, int]) -> Case:
    module = RRDBNet(Shape(64, 32, 2, folded)).eval()
    for part in module.modules():  # blocks that count beside what they are added to
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight)
    module.fold()
    frames = torch.rand(2, 3, *size).half()
    module.half().to(memory_format=torch.channels_last)
    return lambda: module(frames)["image"]


CASES: Mapping[str, Callable[[], Case]] = {
    "compact-4": lambda: compact(4, (11, 37)),
    "compact-3": lambda: compact(3, (6, 20), 1),
    "compact-2": lambda: compact(2, (8, 9)),
    "compact-wide": lambda: compact(4, (3, 200), 1),
    "compact-high": lambda: compact(4, (70, 6), 1),
    "rrdb-4": lambda: rrdb(1, (9, 20)),
    "rrdb-2": lambda: rrdb(2, (16, 18)),
}


if __name__ == "__main__":
    print_cases(kernels, CASES)
