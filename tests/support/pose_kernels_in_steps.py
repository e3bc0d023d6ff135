"""Compare the Triton kernel that reads MoveNet's heads, interpreted on the CPU, with torch.

test_pose_kernels.py runs it, see `interpreted`.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from interpreted import Case, print_cases
from kinograph.engines.pose import kernels
from kinograph.engines.pose.families.movenet import HEADS, decode


def heads(size: tuple[int, int], *, last: bool = False, half: bool = False) -> Case:
    """Six people and noise; boxes that reach over the edges, and one without an area."""
    high, wide = size
    made = {name: torch.rand(1, channels, high, wide) for name, channels in HEADS.items()}
    made["box_scale"] *= 1.5 * max(size)
    made["box_scale"][:, :, : high // 4] = 0
    made["kpt_regress"] = (made["kpt_regress"] - 0.5) * min(size)
    if half:
        made = {name: value.half() for name, value in made.items()}
    if last:
        made = {n: v.contiguous(memory_format=torch.channels_last) for n, v in made.items()}

    def case() -> tuple[Tensor, ...]:
        return decode(made)

    return case


CASES: Mapping[str, Callable[[], Case]] = {
    "several-blocks": lambda: heads((36, 64)),
    "fp16-channels-last": lambda: heads((32, 24), last=True, half=True),
}


if __name__ == "__main__":
    print_cases(kernels, CASES)
