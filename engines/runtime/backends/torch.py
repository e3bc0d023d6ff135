"""PyTorch, eager: runs on every device, in every precision; the reference on the CPU in fp32."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..backend import PRECISIONS, Backend, Capability, Rung, torch_cuda

if TYPE_CHECKING:
    from pathlib import Path

    from ..build import BuildRequest
    from ..runner import Runner


class Torch(Backend):
    """PyTorch as it is."""

    name = "torch"
    preference = 10
    devices = ("cuda", "cpu")
    precisions = PRECISIONS
    is_pytorch = True
    keeps_file = False

    def capability(self, device: str) -> Capability:
        return torch_cuda() if device == "cuda" else Capability(self.name, device)

    def runs_on(self, device: str) -> bool:
        return True  # others than `devices` are not tested

    def load(self, request: BuildRequest, rung: Rung, path: Path | None) -> Runner:
        from ..torch_runner import eager

        return eager(request.network, request.model.path, rung.device, rung.precision)


BACKEND = Torch()
