"""ONNX Runtime as a backend: whichever of its packages is installed, never required."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from ..errors import EngineError
from .runner import Runner

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxRunner(Runner):
    """Runs an ONNX file, or what would stand in one, with an fp32 input.

    Raises `EngineError` when the session cannot be made, or would not run on `device`: ONNX
    Runtime itself falls back to the CPU without an error.
    """

    backend = "onnxruntime"

    def __init__(
        self,
        graph: Path | bytes,
        outputs: Mapping[str, int],
        device: torch.device,
        precision: str,
    ):
        import onnxruntime

        self.device = device
        self.precision = precision
        self.bytes = len(graph) if isinstance(graph, bytes) else graph.stat().st_size
        self._outputs = dict(outputs)
        provider = _PROVIDERS[device.type]
        name = "the graph" if isinstance(graph, bytes) else graph.name
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if device.type == "cpu":
            options.intra_op_num_threads = torch.get_num_threads()
        settings = {"device_id": str(device.index or 0)} if device.type == "cuda" else {}
        try:
            session = onnxruntime.InferenceSession(
                graph if isinstance(graph, bytes) else str(graph),
                options,
                providers=[(provider, settings)],
            )
        except Exception as error:  # its exceptions share no base class but this
            raise EngineError(f"onnxruntime cannot load {name}: {error}") from error
        if provider not in session.get_providers():
            raise EngineError(
                f"onnxruntime would run on {', '.join(session.get_providers())}, not on {provider}"
            )
        self._session: Any = session
        self._input = session.get_inputs()[0].name

    def infer(self, images: Tensor, start: Tensor | None = None) -> Mapping[str, Tensor]:
        if self._session is None:
            raise EngineError("the engine was closed; run Build Engine again")
        images = images.float().contiguous()
        if self.device.type == "cpu":
            values = self._session.run(list(self._outputs), {self._input: images.numpy()})
            return dict(zip(self._outputs, map(torch.from_numpy, values), strict=True))
        return self._infer_in_place(images)

    def _infer_in_place(self, images: Tensor) -> Mapping[str, Tensor]:
        """Without a copy through the host: the session reads and writes torch's memory."""
        import numpy as np

        binding = self._session.io_binding()
        where = ("cuda", images.device.index or 0)
        binding.bind_input(self._input, *where, np.float32, tuple(images.shape), images.data_ptr())
        for name in self._outputs:
            binding.bind_output(name, *where)
        torch.cuda.current_stream(images.device).synchronize()
        self._session.run_with_iobinding(binding)
        values = binding.get_outputs()
        return {name: from_dlpack(value) for name, value in zip(self._outputs, values, strict=True)}

    def close(self) -> None:
        self._session = None
