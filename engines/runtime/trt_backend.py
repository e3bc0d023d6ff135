"""What TensorRT and TensorRT-RTX have in common as backends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..environment import package_version
from ..errors import EngineError
from . import trt
from .backend import Backend, Capability, Rung, needs_onnx

if TYPE_CHECKING:
    from pathlib import Path

    from .build import BuildRequest
    from .cache import Artifact, Check, Key
    from .runner import Runner

_VERSION = 2  # raise it when the way engines are built changes


class TensorRTBackend(Backend):
    """A flavour of TensorRT, which builds engines from exported networks.

    package:  of Python, without the suffix for the CUDA version
    captured: whether its calls are captured in CUDA graphs here; False: it does that itself
    """

    package: ClassVar[str]
    captured: ClassVar[bool]

    def capability(self, device: str) -> Capability:
        import torch

        # Packages without a suffix are for the newest CUDA, whatever PyTorch was built for.
        package = f"{self.package}-cu{(torch.version.cuda or '13').split('.')[0]}"
        return needs_onnx(
            self.name, device, package, lambda: trt.importable(self.name), ["polygraphy"]
        )

    def prepare(
        self, onnx: Path, aside: Path, precision: str, capabilities: tuple[str, ...]
    ) -> Path:
        """Return the graph to build from: `onnx`, or a copy of it that this wrote to `aside`.

        capabilities: of the cards that the engine is for
        """
        return onnx

    def build(self, request: BuildRequest, rung: Rung, check: Check) -> Artifact:
        import platform

        import torch

        from .build import card_of
        from .cache import plain
        from .onnx_export import exported

        model, network, precision = request.model, request.network, rung.precision
        named = rung.capabilities
        onnx = exported(model, network, precision, request.cache, progress=request.progress)
        profiles = request.profiles()
        library = trt.library_version(self.name)
        if not named and not torch.cuda.is_available():
            raise EngineError("no card to build for; name one, e.g. --capability sm89")
        card = list(named) or card_of(torch.device("cuda", torch.cuda.current_device()))
        targets = named or ("sm{}{}".format(*torch.cuda.get_device_capability()),)
        where = "-".join(named) or plain(torch.cuda.get_device_name())
        timings = request.cache.folder / f"timings-{self.name}-{library}-{where}.cache"

        def build(path: Path) -> None:
            aside = path.with_name(path.name + ".onnx")
            try:
                trt.build_plan(
                    self.prepare(onnx.path, aside, precision, targets),
                    path,
                    flavour=self.name,
                    profiles=profiles,
                    timings=timings,
                    capabilities=named,
                    progress=request.progress,
                )
            finally:
                aside.unlink(missing_ok=True)

        key: Key = {
            "kind": "engine",
            "version": _VERSION,
            "flavour": self.name,
            "library": library,
            "builder": package_version("polygraphy") or "",
            "cuda": torch.version.cuda if not named else None,
            "system": platform.system(),
            "onnx": onnx.sidecar["sha256"],
            "precision": precision,
            "profiles": _profile_key(profiles),
            "card": card,
        }
        return request.cache.fetch(
            f"{plain(model.name)}-{request.sizes[1]}-{precision}-{self.name}-{where}",
            key,
            build,
            check,
            request=request.described(rung),
        )

    def load(self, request: BuildRequest, rung: Rung, path: Path | None) -> Runner:
        from .trt_runner import TensorRTRunner

        assert path is not None
        return TensorRTRunner(
            path,
            request.network,
            rung.device,
            rung.precision,
            self.name,
            request.max_batch if self.captured else 0,
        )

    def owns(self, key: Mapping[str, Any]) -> bool:
        return key.get("kind") == "engine" and key.get("flavour") == self.name

    def outdated(self, key: Mapping[str, Any]) -> str:
        if not trt.importable(self.name):
            return ""  # built here for other machines
        here = trt.library_version(self.name)
        if key.get("library") == here:
            return ""
        return f"built by {self.name} {key.get('library')}, {here} is installed"


def _profile_key(profiles: list[trt.Profile]) -> list[Any]:
    """Return the profiles as part of a cache key: of a single input its shapes alone, as before
    networks had several, so that cached engines stay valid."""
    return [
        next(iter(shapes.values())) if len(shapes) == 1 else dict(shapes) for shapes in profiles
    ]
