"""TensorRT and TensorRT-RTX as backends, behind one runner.

No copies: inputs and outputs are torch tensors, and so is the workspace, which goes back to torch
after every call. Not executed on any card yet; the calls are checked against the bindings.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import EngineError
from . import trt as flavours
from .runner import Runner


class TensorRTRunner(Runner):
    """Runs a serialized engine with one input "images" and fp32 outputs.

    Raises `EngineError` when the engine does not belong to this card, driver or version.
    """

    def __init__(
        self,
        path: Path,
        outputs: Mapping[str, int],
        device: torch.device,
        precision: str,
        flavour: str,
    ):
        self.backend = flavour
        self.device = device
        self.precision = precision
        self._outputs = tuple(outputs)
        trt = flavours.load(flavour)
        runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
        data = path.read_bytes()
        with torch.cuda.device(device):
            if hasattr(runtime, "get_engine_validity"):
                validity, _ = runtime.get_engine_validity(data[: runtime.engine_header_size])
                if validity == trt.EngineValidity.INVALID:
                    raise EngineError(f"{path.name}: {flavour} says it is not for this machine")
            engine = runtime.deserialize_cuda_engine(data)
            if engine is None:
                raise EngineError(f"{path.name}: {flavour} cannot deserialise it on this machine")
            strategy = trt.ExecutionContextAllocationStrategy.USER_MANAGED
            context = engine.create_execution_context(strategy)
            if context is None:
                raise EngineError(f"{path.name}: {flavour} cannot make an execution context")
            self._stream = torch.cuda.Stream(device)
        self._runtime, self._engine, self._context = runtime, engine, context

    def infer(self, images: Tensor) -> Mapping[str, Tensor]:
        context: Any = self._context
        if context is None:
            raise EngineError("the engine was closed; run Build Engine again")
        images = images.float().contiguous()
        if not context.set_input_shape("images", tuple(images.shape)):
            raise EngineError(f"the engine takes no input of shape {list(images.shape)}")
        if unknown := context.infer_shapes():
            raise EngineError(f"the engine does not know the shapes of {', '.join(unknown)}")
        outputs = {
            name: torch.empty(tuple(context.get_tensor_shape(name)), device=images.device)
            for name in self._outputs
        }
        size = max(1, context.update_device_memory_size_for_shapes())
        workspace = torch.empty(size, dtype=torch.uint8, device=images.device)
        context.set_device_memory(workspace.data_ptr(), size)
        for name, tensor in (("images", images), *outputs.items()):
            context.set_tensor_address(name, tensor.data_ptr())
        # A stream of its own: on the default stream TensorRT synchronises the whole device.
        caller = torch.cuda.current_stream(images.device)
        self._stream.wait_stream(caller)
        if not context.execute_async_v3(self._stream.cuda_stream):
            raise EngineError("the engine failed to run")
        caller.wait_stream(self._stream)
        for tensor in (images, workspace, *outputs.values()):
            tensor.record_stream(self._stream)
        return outputs

    def close(self) -> None:
        # In this order: a context must go before its engine.
        self._context = None
        self._engine = None
        self._runtime = None
