"""Compare the look-up of a training and its gradient, interpreted on the CPU, with torch's.

test_unrolled.py runs it, see `interpreted`.
"""

from collections.abc import Callable, Mapping

import torch

from interpreted import Case, print_cases
from kinograph.engines.flow.raft import kernels
from kinograph.engines.flow.raft.correlation import Volume
from kinograph.engines.flow.raft.looking import Looking

SIZE, WIDTH = (8, 9), 200


def looked(*, gradient: bool, dtype: torch.dtype = torch.float32) -> Case:
    random = torch.Generator().manual_seed(3)
    one, two = (torch.randn(2, 16, *SIZE, generator=random).to(dtype) for _ in range(2))
    centres = torch.randn(3, 2, 2, *SIZE, generator=random) * 8 + 4
    centres[:, 0, 0, 0, 0], centres[:, 0, 1, 3, 3], centres[:, 1, 0, 7, 8] = 1e9, -1e9, 1e30
    weights = torch.randn(3, 2, *SIZE, WIDTH, generator=random)

    def case() -> torch.Tensor:
        with torch.enable_grad():
            first = one.clone().requires_grad_()
            look = Looking(Volume(first, two), 3, WIDTH)
            found = torch.stack([look(places) for places in centres])
            if not gradient:
                return found.detach()
            (found.float() * weights).sum().backward()
        assert first.grad is not None
        return first.grad

    return case


CASES: Mapping[str, Callable[[], Case]] = {
    "seen": lambda: looked(gradient=False),
    "learned": lambda: looked(gradient=True),
    "learned_half": lambda: looked(gradient=True, dtype=torch.bfloat16),
}


if __name__ == "__main__":
    print_cases(kernels, CASES)
