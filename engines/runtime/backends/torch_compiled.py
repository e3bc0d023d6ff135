"""PyTorch compiled ahead of time by AOTInductor; from CUDA graphs on a GPU."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..backend import Backend, Capability, Rung, other_torch, torch_cuda

if TYPE_CHECKING:
    from pathlib import Path

    from ..build import BuildRequest
    from ..cache import Artifact, Check, Key
    from ..runner import Runner

_VERSION = 2  # raise it when the way packages are compiled changes


class TorchCompiled(Backend):
    """Packages of AOTInductor."""

    name = "torch_compiled"
    preference = 30
    devices = ("cuda", "cpu")
    is_pytorch = True

    def capability(self, device: str) -> Capability:
        """Return whether AOTInductor can be used: it came with PyTorch 2.6, and needs a C++
        compiler and for a GPU Triton."""
        import torch

        if device == "cuda" and not torch_cuda().usable:
            return Capability(self.name, device, torch_cuda().reason, torch_cuda().cure)
        if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 6):
            reason = f"PyTorch {torch.__version__} is too old, 2.6 is needed"
            return Capability(self.name, device, reason, "pip install --upgrade torch")
        if device == "cuda" and find_spec("triton") is None:
            package = "triton-windows" if sys.platform == "win32" else "triton"
            return Capability(self.name, device, "triton not installed", f"pip install {package}")
        compilers = [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "clang++", "cl"]
        if not any(map(shutil.which, compilers)):
            reason = f"no C++ compiler found ({', '.join(compilers)})"
            cure = "sudo apt install g++" if sys.platform == "linux" else ""
            return Capability(self.name, device, reason, cure)
        return Capability(self.name, device)

    def left_out(self, device: str) -> str:
        if device == "cpu":
            return "on a CPU it takes a minute to build and is no faster than torch"
        return ""

    def built_if_asked(self, device: str) -> str:
        return "it takes 20 to 90 s to build and is built only if asked for"

    def build(self, request: BuildRequest, rung: Rung, check: Check) -> Artifact:
        import platform

        import torch

        from ..build import card_of
        from ..cache import plain
        from ..onnx_export import options_key
        from ..torch_runner import compile_ahead

        model, network, where = request.model, request.network, rung.device.type
        key: Key = {
            "kind": "aotinductor",
            "version": _VERSION,
            "network": network.name,
            "weights": model.entry.sha256,
            **options_key(model),
            "precision": rung.precision,
            "torch": torch.__version__,
            "cuda": torch.version.cuda if where == "cuda" else None,
            "system": [platform.system(), platform.machine()],
            "cpu": torch.backends.cpu.get_cpu_capability(),  # its host code is native
            "card": card_of(rung.device) if where == "cuda" else None,
        }
        on = plain(torch.cuda.get_device_name(rung.device)) if where == "cuda" else "cpu"

        def build(path: Path) -> None:
            compile_ahead(network, model.path, rung.device, rung.precision, path)

        return request.cache.fetch(
            f"{plain(model.name)}-{rung.precision}-{self.name}-{on}",
            key,
            build,
            check,
            request=request.described(rung),
        )

    def load(self, request: BuildRequest, rung: Rung, path: Path | None) -> Runner:
        from ..torch_runner import compiled

        assert path is not None
        return compiled(path, request.network, rung.device, rung.precision, request.max_batch)

    def owns(self, key: Mapping[str, Any]) -> bool:
        return key.get("kind") == "aotinductor"

    def outdated(self, key: Mapping[str, Any]) -> str:
        return other_torch(key)


BACKEND = TorchCompiled()
