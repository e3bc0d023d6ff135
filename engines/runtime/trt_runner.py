"""The runner of TensorRT and TensorRT-RTX.

Nothing is copied: inputs and outputs are torch tensors, and so is the workspace, which returns to
torch after every call. TensorRT's calls are captured in CUDA graphs by `ShapeGraphs`; TensorRT-RTX
has CUDA graphs built in. Not yet run on any card; the calls are checked against the vendor's types
and bindings.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import EngineError
from . import trt as flavours
from .cache import kernels_path, write_beside_engines
from .cuda_graph import ShapeGraphs
from .network import Network
from .runner import Runner
from .tensor_spec import outer

if TYPE_CHECKING:
    import tensorrt

log = logging.getLogger("kinograph")

_DTYPES = {
    "FLOAT": torch.float32,
    "HALF": torch.float16,
    "BF16": torch.bfloat16,
    "INT64": torch.int64,
    "INT32": torch.int32,
    "INT8": torch.int8,
    "UINT8": torch.uint8,
    "BOOL": torch.bool,
}


class TensorRTRunner(Runner):
    """Runs a serialized engine, whose inputs and outputs are those of `network`.

    max_batch: most images per call of CUDA graphs; 0: the engine captures its calls itself

    Raises `EngineError` if the engine does not belong to this card, driver or version.
    """

    def __init__(
        self,
        path: Path,
        network: Network,
        device: torch.device,
        precision: str,
        flavour: str,
        max_batch: int,
    ):
        self.backend = flavour
        self.device = device
        self.precision = precision
        self._kernels = kernels_path(path)
        self._trt: Any = flavours.load(flavour)
        data = path.read_bytes()
        self.bytes = len(data)
        with torch.cuda.device(device):
            self._runtime, self._engine = self._deserialised(path.name, data)
            there = set(map(self._engine.get_tensor_name, range(self._engine.num_io_tensors)))
            self._config: Any = None if max_batch else self._runtime_config()
            self._stream = torch.cuda.Stream(device)
        # The exporter drops inputs that the outputs do not depend on.
        self._inputs = tuple(spec for spec in network.inputs if spec.name in there)
        self._types = {spec.name: spec.outer_dtype for spec in network.inputs}
        self._outputs = tuple(spec.name for spec in network.outputs)
        # One context per profile: switching the profile of a context waits for the device.
        self._contexts: dict[int, tensorrt.IExecutionContext] = {}
        self._shapes: set[tuple[tuple[int, ...], ...]] = set()
        self._graphs: ShapeGraphs | None = None
        if max_batch:
            self._graphs = ShapeGraphs(self._enqueue, network, device, self._empty, max_batch)

    def _empty(self, name: str, shape: tuple[int, ...]) -> Tensor:
        return torch.empty(shape, dtype=self._types[name], device=self.device)

    def _deserialised(
        self, name: str, data: bytes
    ) -> tuple[tensorrt.Runtime, tensorrt.ICudaEngine]:
        trt = self._trt
        runtime: Any = trt.Runtime(trt.Logger(trt.Logger.ERROR))
        if hasattr(runtime, "get_engine_validity"):
            validity, _ = runtime.get_engine_validity(data[: runtime.engine_header_size])
            if validity == trt.EngineValidity.INVALID:
                raise EngineError(f"{name}: {self.backend} says it is not for this machine")
        engine: tensorrt.ICudaEngine | None = runtime.deserialize_cuda_engine(data)
        if engine is None:
            raise EngineError(f"{name}: {self.backend} cannot deserialise it on this machine")
        return runtime, engine

    def _runtime_config(self) -> Any:
        """Configure TensorRT-RTX: whole CUDA graphs, and the kernels of earlier runs."""
        if not hasattr(self._engine, "create_runtime_config"):
            return None
        engine: Any = self._engine
        config = engine.create_runtime_config()
        config.set_execution_context_allocation_strategy(
            self._trt.ExecutionContextAllocationStrategy.USER_MANAGED
        )
        if hasattr(config, "cuda_graph_strategy"):
            config.cuda_graph_strategy = self._trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        if hasattr(config, "create_runtime_cache"):
            kernels = config.create_runtime_cache()
            if self._kernels.is_file():
                # False if they are another card's or driver's; they are then compiled again.
                kernels.deserialize(self._kernels.read_bytes())
            config.set_runtime_cache(kernels)
        return config

    def _infer(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        with torch.inference_mode():
            if self._graphs is not None:
                return self._graphs(inputs)
            return self._on_own_stream(outer(self._inputs, inputs))

    def _on_own_stream(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Run on another stream: on the default one TensorRT synchronises the whole device."""
        caller = torch.cuda.current_stream(self.device)
        self._stream.wait_stream(caller)
        with torch.cuda.stream(self._stream):
            outputs = self._enqueue(inputs)
        caller.wait_stream(self._stream)
        for tensor in inputs.values():
            tensor.record_stream(self._stream)
        for tensor in outputs.values():
            tensor.record_stream(caller)
        shapes = tuple(tuple(tensor.shape) for tensor in inputs.values())
        if self._config is not None and shapes not in self._shapes:
            self._shapes.add(shapes)
            self._keep_kernels()
        return outputs

    def _enqueue(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Run on the current stream, from whose memory outputs and workspace are taken."""
        inputs = {spec.name: inputs[spec.name] for spec in self._inputs}
        context = self._context(inputs)
        for name, tensor in inputs.items():
            if not context.set_input_shape(name, tuple(tensor.shape)):
                raise _takes_no(name, tensor)
        if unknown := context.infer_shapes():
            raise EngineError(f"the engine does not know the shapes of {', '.join(unknown)}")
        shapes = {name: _sizes(context.get_tensor_shape(name)) for name in self._outputs}
        if unknown := [name for name, shape in shapes.items() if min(shape, default=0) < 0]:
            raise EngineError(
                f"the size of {', '.join(unknown)} depends on the picture, which this runner does "
                "not support; choose onnxruntime, or a file in batch format"
            )
        outputs = {
            name: torch.empty(
                shape,
                dtype=_DTYPES[self._engine.get_tensor_dtype(name).name],
                device=self.device,
            )
            for name, shape in shapes.items()
        }
        size = max(1, context.update_device_memory_size_for_shapes())
        workspace = torch.empty(size, dtype=torch.uint8, device=self.device)
        if hasattr(context, "set_device_memory"):  # not in 10.0
            context.set_device_memory(workspace.data_ptr(), size)
        else:
            old: Any = context
            old.device_memory = workspace.data_ptr()
        for name, tensor in (*inputs.items(), *outputs.items()):
            context.set_tensor_address(name, tensor.data_ptr())
        if not context.execute_async_v3(torch.cuda.current_stream(self.device).cuda_stream):
            raise EngineError("the engine failed to run")
        return outputs

    def _context(self, inputs: Mapping[str, Tensor]) -> tensorrt.IExecutionContext:
        """Return a context of the profile that is meant for the inputs' shapes: of those that take
        them, the one whose best batch is nearest."""
        engine = self._engine
        images = next(iter(inputs.values()))
        fitting = []
        for index in range(engine.num_optimization_profiles):
            spans = {
                name: tuple(map(_sizes, engine.get_tensor_profile_shape(name, index)))
                for name in inputs
            }
            if all(
                low <= size <= high
                for name, tensor in inputs.items()
                for low, size, high in zip(
                    spans[name][0], tensor.shape, spans[name][2], strict=True
                )
            ):
                best = next(iter(spans.values()))[1]
                fitting.append((abs(best[0] - images.shape[0]), index))
        if not fitting:
            raise _takes_no(*next(iter(inputs.items())))
        index = min(fitting)[1]
        if index not in self._contexts:
            how: Any = self._config
            if how is None:
                how = self._trt.ExecutionContextAllocationStrategy.USER_MANAGED
            context: tensorrt.IExecutionContext | None = engine.create_execution_context(how)
            if context is None:
                raise EngineError(f"{self.backend} cannot create an execution context")
            stream = torch.cuda.current_stream(self.device)
            if not context.set_optimization_profile_async(index, stream.cuda_stream):
                raise EngineError(f"{self.backend} refuses its own profile {index}")
            self._contexts[index] = context
        return self._contexts[index]

    def _keep_kernels(self) -> None:
        """Save the kernels that were compiled for this card, so that the next start is quick."""
        if not hasattr(self._config, "get_runtime_cache"):
            return
        self._stream.synchronize()
        kernels = bytes(memoryview(self._config.get_runtime_cache().serialize()))
        try:
            with write_beside_engines(self._kernels, _kernels_not_kept) as aside:
                aside.write_bytes(kernels)
        except EngineError as error:  # a full or read-only disk costs the next start some seconds
            log.warning("%s", error)

    def _close(self) -> None:
        # In this order: each was created by the next.
        self._graphs = None
        self._contexts = {}
        self._config = None
        self._engine = None  # type: ignore[assignment]
        self._runtime = None  # type: ignore[assignment]


def _sizes(dims: Any) -> tuple[int, ...]:
    """Return TensorRT's `Dims` as a shape: they are iterable, but not typed so."""
    return tuple(dims)


def _takes_no(name: str, tensor: Tensor) -> EngineError:
    return EngineError(f"the engine takes no {name} of shape {list(tensor.shape)}")


def _kernels_not_kept(path: Path, error: OSError) -> EngineError:
    return EngineError(f"{path}: cannot be written ({error.strerror})")
