"""PyTorch from CUDA graphs: a network's kernels are launched at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..backend import Backend, Capability, Rung, torch_cuda

if TYPE_CHECKING:
    from pathlib import Path

    from ..build import BuildRequest
    from ..runner import Runner


class TorchCudaGraph(Backend):
    """PyTorch's kernels in CUDA graphs."""

    name = "torch_cudagraph"
    preference = 20
    is_pytorch = True
    keeps_file = False

    def capability(self, device: str) -> Capability:
        return replace(torch_cuda(), backend=self.name)

    def load(self, request: BuildRequest, rung: Rung, path: Path | None) -> Runner:
        from ..torch_runner import eager

        return eager(
            request.network, request.model.path, rung.device, rung.precision, request.max_batch
        )


BACKEND = TorchCudaGraph()
