"""ONNX Runtime, on the CPU and through its CUDA provider."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..backend import Backend, Capability, Rung, needs_onnx, other_torch

if TYPE_CHECKING:
    from pathlib import Path

    from ..build import BuildRequest
    from ..cache import Artifact, Check
    from ..runner import Runner


class OnnxRuntime(Backend):
    """Exported networks in ONNX Runtime."""

    name = "onnxruntime"
    preference = 40
    devices = ("cuda", "cpu")
    portable = True

    def capability(self, device: str) -> Capability:
        package = "onnxruntime" if device == "cpu" else "onnxruntime-gpu"

        def installed() -> bool:
            if find_spec("onnxruntime") is None:
                return False
            if device == "cpu":
                return True
            import onnxruntime

            return "CUDAExecutionProvider" in onnxruntime.get_available_providers()

        return needs_onnx(self.name, device, package, installed)

    def build(self, request: BuildRequest, rung: Rung, check: Check) -> Artifact:
        from ..onnx_export import exported

        return exported(
            request.model,
            request.network,
            rung.precision,
            request.cache,
            check,
            request.progress,
        )

    def load(self, request: BuildRequest, rung: Rung, path: Path | None) -> Runner:
        from ..ort_runner import OnnxRunner

        assert path is not None
        return OnnxRunner(path, request.network, rung.device, rung.precision)

    def owns(self, key: Mapping[str, Any]) -> bool:
        return key.get("kind") == "onnx"

    def outdated(self, key: Mapping[str, Any]) -> str:
        return other_torch(key)


BACKEND = OnnxRuntime()
