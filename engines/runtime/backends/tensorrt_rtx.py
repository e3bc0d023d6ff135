"""TensorRT-RTX: engines for any of its cards, built on any machine."""

from __future__ import annotations

from pathlib import Path

from .. import trt
from ..backend import Capability
from ..trt_backend import TensorRTBackend


class TensorRTRTX(TensorRTBackend):
    """NVIDIA's TensorRT for RTX."""

    name = "tensorrt_rtx"
    preference = 60
    package = "tensorrt-rtx"
    captured = False
    builds_for = trt.RTX_CAPABILITIES

    def capability(self, device: str) -> Capability:
        known = super().capability(device)
        if known.usable:
            import torch

            card = "sm{}{}".format(*torch.cuda.get_device_capability())
            if card not in self.builds_for:
                reason = f"TensorRT-RTX does not run on this card ({card})"
                return Capability(self.name, device, reason)
        return known

    def prepare(
        self, onnx: Path, aside: Path, precision: str, capabilities: tuple[str, ...]
    ) -> Path:
        if precision != "fp32" or "sm75" not in capabilities:
            return onnx
        from ..turing import without_matrix_products

        without_matrix_products(onnx, aside)
        return aside


BACKEND = TensorRTRTX()
