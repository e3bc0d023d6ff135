"""Compare the Triton kernels of upscalers, interpreted on the CPU, with the same steps in torch.

test_upscale_kernels.py runs it in a separate process. Prints per case the largest difference
between both, and the largest value.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from kinograph.engines.upscale import kernels
from kinograph.engines.upscale.families.realesr_compact import Compact
from kinograph.engines.upscale.families.rrdbnet import RRDBNet, Shape

Case = Callable[[], Tensor]


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
    "compact-4": lambda: compact(4, (19, 37)),
    "compact-2": lambda: compact(2, (8, 9)),
    "compact-wide": lambda: compact(4, (5, 200), 1),
    "compact-high": lambda: compact(4, (70, 6), 1),
    "rrdb-4": lambda: rrdb(1, (9, 20)),
    "rrdb-2": lambda: rrdb(2, (16, 18)),
}


def main() -> None:
    torch.set_num_threads(2)
    for name, make in CASES.items():
        torch.manual_seed(0)
        case = make()
        with torch.no_grad():
            kernels.usable = lambda values: False
            steps = case()
            kernels.usable = lambda values: True
            found = case()
        apart = float((steps.float() - found.float()).abs().max() / steps.float().abs().max())
        print(name, steps.shape == found.shape, apart, float(steps.abs().max()))


if __name__ == "__main__":
    main()
