"""A checkpoint as files for other programs: an ONNX graph, an engine, and what each is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from ...document import as_text
from ...environment import package_version
from ...errors import EngineError, ParityError
from ...files import atomic_write
from ...runtime.backend import Progress, Rung
from ...runtime.backends import backend_of
from ...runtime.build import BuildRequest
from ...runtime.cache import EngineCache
from ...runtime.onnx_export import OPSET, exported
from ...runtime.probe import examples
from ...runtime.reference import reference
from .own import TrainedModel

_BATCHES = (1, 3)  # images, with which the graph is compared with PyTorch


def export_onnx(
    found: TrainedModel,
    target: Path,
    precision: str,
    cache: EngineCache,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the ONNX graph of a checkpoint, whose batch is free, and return what it is.

    It is written only after its outputs, of one image and of several, have agreed with PyTorch's in
    ONNX Runtime. Inputs and outputs are fp32; with "fp16" what lies between them is in fp16.

    Raises `EngineError` if it cannot be exported or compared, `ParityError` if it disagrees, and
    `MediaError` if it cannot be written.
    """
    if find_spec("onnxruntime") is None:
        raise EngineError(
            "exporting needs ONNX Runtime to compare the graph with PyTorch; run: pip install "
            "onnxruntime"
        )
    from ...runtime.ort_runner import OnnxRunner

    artifact = exported(found.model, found.network, precision, cache, progress=progress)
    graph = artifact.path.read_bytes()
    runner = OnnxRunner(graph, found.network, torch.device("cpu"), precision)
    right = reference(found.model, found.network)
    compared = []
    size = found.trained.module.config.size
    for batch in _BATCHES:
        given = examples(found.network, batch, *size)
        verdict = found.network.compare(right.infer(given), runner.infer(given), precision)
        if not verdict.passed:
            raise ParityError(
                f"{found.model.name}: the graph in {precision} disagrees with PyTorch for "
                f"{batch} images ({verdict.reason}) and is not written; choose another precision"
            )
        compared.append({"batch": batch, "reason": verdict.reason, "errors": dict(verdict.errors)})
    right.close()
    runner.close()
    _write(target, graph)
    return {
        **described(found),
        "format": "onnx",
        "precision": precision,
        "opset": OPSET,
        "sha256": hashlib.sha256(graph).hexdigest(),
        "parity": {"reference": "torch fp32 on cpu", "compared": compared},
    }


def export_engine(
    found: TrainedModel,
    target: Path,
    *,
    flavour: str,
    precision: str,
    max_batch: int,
    cache: EngineCache,
    capabilities: Sequence[str] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write an engine of TensorRT or TensorRT-RTX for 1 to `max_batch` images; return what it is.

    capabilities: cards to build for, such as "sm89" (TensorRT-RTX only, needs no card); () = the
                  card of this machine

    An engine for other cards has met none of them: it is not compared with the reference before it
    is loaded on one.

    Raises `EngineError` if it cannot be built, and `MediaError` if it cannot be written.
    """
    backend = backend_of(flavour)
    if max_batch < 1:
        raise EngineError(f"max batch: expected at least 1, found {max_batch}")
    if not backend.builds_for and capabilities:
        raise EngineError(f"backend {flavour}: it cannot build for other cards than this machine's")
    request = BuildRequest(
        found.model, found.network, max_batch, found.network.sizes, cache, progress
    )
    rung = Rung(flavour, torch.device("cuda"), precision, tuple(capabilities))
    plan = backend.build(request, rung, lambda path: None).path.read_bytes()
    _write(target, plan)
    return {
        **described(found),
        "format": flavour,
        "precision": precision,
        "max_batch": max_batch,
        "capabilities": list(capabilities),
        "sha256": hashlib.sha256(plan).hexdigest(),
        "parity": None,
    }


def described(found: TrainedModel) -> dict[str, Any]:
    """Return what a program needs to know to run a network: inputs, outputs, names, versions."""
    trained, network = found.trained, found.network
    config = trained.module.config
    axes = {
        spec.name: [axis if isinstance(axis, int) else axis.name for axis in spec.axes]
        for spec in (*network.inputs, *network.outputs)
    }
    return {
        "schema_version": 1,
        "checkpoint_sha256": found.model.entry.sha256,
        "step": trained.step,
        "config": config.to_json(),
        "inputs": {spec.name: axes[spec.name] for spec in network.inputs},
        "outputs": {spec.name: axes[spec.name] for spec in network.outputs},
        "preprocess": {
            "image_size": {"width": config.size[1], "height": config.size[0]},
            "method": "resize",
            "channels": "RGB",
            "range": [0, 1],
        },
        "class_names": list(trained.classes),
        "keypoint_names": list(trained.keypoints),
        "versions": {
            name: version
            for name in ("torch", "onnx", "onnxruntime", "tensorrt", "tensorrt-rtx-cu13-libs")
            if (version := package_version(name)) is not None
        },
    }


def write_described(about: Mapping[str, Any], path: Path) -> None:
    """Write what a file is, as JSON. Raises `MediaError` if it cannot be written."""
    _write(path, (as_text(about) + "\n").encode())


def _write(path: Path, content: bytes) -> None:
    with atomic_write(path) as aside:
        aside.write_bytes(content)
