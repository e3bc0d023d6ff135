"""The runner of ONNX Runtime: whichever of its packages is installed, never required."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from ..errors import EngineError
from .network import Network
from .runner import Runner
from .tensor_spec import outer

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxRunner(Runner):
    """Runs an ONNX file, or its contents, whose inputs and outputs are those of `network`.

    Raises `EngineError` if the session cannot be created, or would not run on `device`: ONNX
    Runtime itself falls back to the CPU without an error.
    """

    backend = "onnxruntime"

    def __init__(self, graph: Path | bytes, network: Network, device: torch.device, precision: str):
        import onnxruntime

        self.device = device
        self.precision = precision
        self.bytes = len(graph) if isinstance(graph, bytes) else graph.stat().st_size
        provider = _PROVIDERS[device.type]
        name = "the graph" if isinstance(graph, bytes) else graph.name
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if device.type == "cpu":
            options.intra_op_num_threads = torch.get_num_threads()
            # Threads that spin between calls take the cores from PyTorch, which runs in between.
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        settings = {"device_id": str(device.index or 0)} if device.type == "cuda" else {}
        try:
            session = onnxruntime.InferenceSession(
                graph if isinstance(graph, bytes) else str(graph),
                options,
                providers=[(provider, settings)],
            )
        except Exception as error:  # its exceptions share no narrower base
            raise EngineError(f"onnxruntime cannot load {name}: {error}") from error
        if provider not in session.get_providers():
            raise EngineError(
                f"onnxruntime would run on {', '.join(session.get_providers())}, not on {provider}"
            )
        self._session: Any = session
        there = {value.name for value in session.get_inputs()}
        # The exporter drops inputs that the outputs do not depend on.
        self._inputs = tuple(spec for spec in network.inputs if spec.name in there)
        self._outputs = tuple(spec.name for spec in network.outputs)

    def _infer(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        given = outer(self._inputs, inputs)
        if self.device.type == "cpu":
            arrays = {name: value.numpy() for name, value in given.items()}
            values = self._session.run(list(self._outputs), arrays)
            return dict(zip(self._outputs, map(torch.from_numpy, values), strict=True))
        return self._infer_in_place(given)

    def _infer_in_place(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Run without a copy through the host: the session reads and writes torch's memory."""
        binding = self._session.io_binding()
        where = ("cuda", self.device.index or 0)
        for name, value in inputs.items():
            binding.bind_input(
                name, *where, _numpy_type(value.dtype), tuple(value.shape), value.data_ptr()
            )
        for name in self._outputs:
            binding.bind_output(name, *where)
        torch.cuda.current_stream(self.device).synchronize()
        self._session.run_with_iobinding(binding)
        values = binding.get_outputs()
        return {name: from_dlpack(value) for name, value in zip(self._outputs, values, strict=True)}

    def _close(self) -> None:
        self._session = None


def _numpy_type(dtype: torch.dtype) -> type[np.generic]:
    kind: type[np.generic] = torch.empty(0, dtype=dtype).numpy().dtype.type
    return kind
