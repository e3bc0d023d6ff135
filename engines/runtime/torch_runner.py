"""PyTorch as a backend: CPU and CUDA; fp32, fp16 and bf16."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from ..errors import EngineError
from .runner import Runner

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class TorchRunner(Runner):
    """Runs `module` eagerly, channels last (what cuDNN and oneDNN are fastest with)."""

    backend = "torch"

    def __init__(self, module: nn.Module, device: torch.device, precision: str):
        self.device = device
        self.precision = precision
        self._dtype = DTYPES[precision]
        self._module: nn.Module | None = (
            module.eval().to(device, self._dtype).to(memory_format=torch.channels_last)
        )

    def infer(self, images: Tensor) -> Mapping[str, Tensor]:
        if self._module is None:
            raise EngineError("the engine was closed; run Build Engine again")
        try:
            with self._true_precision(), torch.inference_mode():
                x = images.to(self._dtype).contiguous(memory_format=torch.channels_last)
                outputs: Mapping[str, Tensor] = self._module(x)
        except torch.OutOfMemoryError as error:
            raise EngineError(
                f"{self.device}: out of memory with {len(images)} frames of "
                f"{images.shape[3]}x{images.shape[2]}; lower max_batch in Build Engine or the "
                "detection size"
            ) from error
        return outputs

    def _true_precision(self) -> AbstractContextManager[None]:
        """By default cuDNN computes fp32 convolutions in TF32, ten bits of mantissa: not fp32."""
        if self.precision != "fp32" or self.device.type != "cuda":
            return nullcontext()
        cudnn = torch.backends.cudnn
        flags: AbstractContextManager[None] = cudnn.flags(
            cudnn.enabled, cudnn.benchmark, deterministic=cudnn.deterministic, allow_tf32=False
        )
        return flags

    def close(self) -> None:
        self._module = None
