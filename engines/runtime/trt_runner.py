"""TensorRT and TensorRT-RTX as backends, behind one runner.

No copies: inputs and outputs are torch tensors, and so is the workspace, which goes back to torch
after every call. TensorRT's calls are captured in CUDA graphs by `ShapeGraphs`, TensorRT-RTX has
them built in. Not executed on any card yet; the calls are checked against the vendor's types and
bindings.
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
from .runner import Runner

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
    """Runs a serialized engine with one input.

    max_batch: most images a call; rows_less: how many rows fewer an output has than that

    Raises `EngineError` when the engine does not belong to this card, driver or version.
    """

    def __init__(
        self,
        path: Path,
        outputs: Mapping[str, int],
        device: torch.device,
        precision: str,
        flavour: str,
        max_batch: int,
        rows_less: int = 0,
    ):
        self.backend = flavour
        self.device = device
        self.precision = precision
        self._outputs = tuple(outputs)
        self._kernels = kernels_path(path)
        self._trt: Any = flavours.load(flavour)
        data = path.read_bytes()
        self.bytes = len(data)
        with torch.cuda.device(device):
            self._runtime, self._engine = self._deserialised(path.name, data)
            self._input = next(
                name
                for name in map(self._engine.get_tensor_name, range(self._engine.num_io_tensors))
                if self._engine.get_tensor_mode(name) == self._trt.TensorIOMode.INPUT
            )
            self._config = self._runtime_config()
            self._stream = torch.cuda.Stream(device)
        # One context a profile: switching a context's profile waits for the device.
        self._contexts: dict[int, tensorrt.IExecutionContext] = {}
        self._shapes: set[tuple[int, ...]] = set()
        self._graphs: ShapeGraphs | None = None
        if flavour == "tensorrt":
            self._graphs = ShapeGraphs(
                self._enqueue,
                device,
                torch.float32,
                torch.contiguous_format,
                max_batch,
                rows_less,
            )

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
        """How TensorRT-RTX is to run: whole CUDA graphs, kernels kept from earlier runs."""
        if not hasattr(self._engine, "create_runtime_config") or self.backend != "tensorrt_rtx":
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
                # False when they are another card's or driver's: they are then made anew.
                kernels.deserialize(self._kernels.read_bytes())
            config.set_runtime_cache(kernels)
        return config

    def infer(self, images: Tensor, start: Tensor | None = None) -> Mapping[str, Tensor]:
        if self._engine is None:
            raise EngineError("the engine was closed; run Build Engine again")
        try:
            with torch.inference_mode():
                if self._graphs is not None:
                    return self._graphs(images)
                return self._on_own_stream(images.float().contiguous())
        except torch.OutOfMemoryError as error:
            raise EngineError(
                f"{self.device}: out of memory with {len(images)} frames of "
                f"{images.shape[3]}x{images.shape[2]}; lower max_batch in Build Engine or the "
                "size of the computation"
            ) from error

    def _on_own_stream(self, images: Tensor) -> Mapping[str, Tensor]:
        """On the default stream TensorRT synchronises the whole device."""
        caller = torch.cuda.current_stream(images.device)
        self._stream.wait_stream(caller)
        with torch.cuda.stream(self._stream):
            outputs = self._enqueue(images)
        caller.wait_stream(self._stream)
        images.record_stream(self._stream)
        for tensor in outputs.values():
            tensor.record_stream(caller)
        if self._config is not None and tuple(images.shape) not in self._shapes:
            self._shapes.add(tuple(images.shape))
            self._keep_kernels()
        return outputs

    def _enqueue(self, images: Tensor) -> Mapping[str, Tensor]:
        """Run on the current stream, from whose memory outputs and workspace are taken."""
        context = self._context(tuple(images.shape))
        if not context.set_input_shape(self._input, tuple(images.shape)):
            raise EngineError(f"the engine takes no input of shape {list(images.shape)}")
        if unknown := context.infer_shapes():
            raise EngineError(f"the engine does not know the shapes of {', '.join(unknown)}")
        shapes = {name: _sizes(context.get_tensor_shape(name)) for name in self._outputs}
        if unknown := [name for name, shape in shapes.items() if min(shape, default=0) < 0]:
            raise EngineError(
                f"how large {', '.join(unknown)} is depends on the picture, which this runner does "
                "not do; choose onnxruntime, or a file in batch format"
            )
        outputs = {
            name: torch.empty(
                shape,
                dtype=_DTYPES[self._engine.get_tensor_dtype(name).name],
                device=images.device,
            )
            for name, shape in shapes.items()
        }
        size = max(1, context.update_device_memory_size_for_shapes())
        workspace = torch.empty(size, dtype=torch.uint8, device=images.device)
        if hasattr(context, "set_device_memory"):  # not in 10.0
            context.set_device_memory(workspace.data_ptr(), size)
        else:
            old: Any = context
            old.device_memory = workspace.data_ptr()
        for name, tensor in ((self._input, images), *outputs.items()):
            context.set_tensor_address(name, tensor.data_ptr())
        if not context.execute_async_v3(torch.cuda.current_stream(images.device).cuda_stream):
            raise EngineError("the engine failed to run")
        return outputs

    def _context(self, shape: tuple[int, ...]) -> tensorrt.IExecutionContext:
        """A context of the profile that is meant for the shape: the one whose best is nearest."""
        engine = self._engine
        fitting = []
        for index in range(engine.num_optimization_profiles):
            shapes = engine.get_tensor_profile_shape(self._input, index)
            low, best, high = map(_sizes, shapes)
            if all(a <= b <= c for a, b, c in zip(low, shape, high, strict=True)):
                fitting.append((abs(best[0] - shape[0]), index))
        if not fitting:
            raise EngineError(f"the engine takes no input of shape {list(shape)}")
        index = min(fitting)[1]
        if index not in self._contexts:
            how: Any = self._config
            if how is None:
                how = self._trt.ExecutionContextAllocationStrategy.USER_MANAGED
            context: tensorrt.IExecutionContext | None = engine.create_execution_context(how)
            if context is None:
                raise EngineError(f"{self.backend} cannot make an execution context")
            stream = torch.cuda.current_stream(self.device)
            if not context.set_optimization_profile_async(index, stream.cuda_stream):
                raise EngineError(f"{self.backend} refuses its own profile {index}")
            self._contexts[index] = context
        return self._contexts[index]

    def _keep_kernels(self) -> None:
        """Write down what was compiled for this card, so that the next start is quick."""
        if not hasattr(self._config, "get_runtime_cache"):
            return
        self._stream.synchronize()
        kernels = bytes(memoryview(self._config.get_runtime_cache().serialize()))
        try:
            with write_beside_engines(self._kernels, _kernels_not_kept) as aside:
                aside.write_bytes(kernels)
        except EngineError as error:  # a full or read-only disk costs the next start some seconds
            log.warning("%s", error)

    def close(self) -> None:
        # In this order: what was made by another must go before it.
        self._graphs = None
        self._contexts = {}
        self._config = None
        self._engine = None  # type: ignore[assignment]
        self._runtime = None  # type: ignore[assignment]


def _sizes(dims: Any) -> tuple[int, ...]:
    """`Dims` of TensorRT as a shape; they can be iterated, which their type does not say."""
    return tuple(dims)


def _kernels_not_kept(path: Path, error: OSError) -> EngineError:
    return EngineError(f"{path}: cannot be written ({error.strerror})")
