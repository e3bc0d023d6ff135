"""PyTorch as a backend: eager, from CUDA graphs, and compiled ahead; CPU and CUDA."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from ..errors import EngineError
from .cuda_graph import ShapeGraphs
from .network import Network
from .runner import Runner

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}

# What cuDNN and oneDNN are fastest with.
_LAYOUT = torch.channels_last


class TorchRunner(Runner):
    """Runs a network's torch form.

    call:   images [N,3,H,W] of the precision's type, channels last, and the network's second input
            if it has one -> outputs by name
    graphs: (most images, rows that an output has less) to run it from CUDA graphs
    """

    def __init__(
        self,
        call: Callable[..., Mapping[str, Tensor]],
        backend: str,
        device: torch.device,
        precision: str,
        size: int,
        graphs: tuple[int, int] | None = None,
    ):
        self.backend = backend
        self.device = device
        self.precision = precision
        self.bytes = size
        self._dtype = DTYPES[precision]
        self._in_graphs = graphs is not None
        self._call: Callable[..., Mapping[str, Tensor]] | None = call
        if graphs is not None:
            self._call = ShapeGraphs(call, device, self._dtype, _LAYOUT, *graphs)

    def infer(self, images: Tensor, start: Tensor | None = None) -> Mapping[str, Tensor]:
        if self._call is None:
            raise EngineError("the engine was closed; run Build Engine again")
        try:
            with self._on_device(), self._settings(), torch.inference_mode():
                if not self._in_graphs:  # a graph's own input does the conversion
                    images = images.to(self._dtype, memory_format=_LAYOUT)
                return self._call(images) if start is None else self._call(images, start)
        except torch.OutOfMemoryError as error:
            raise EngineError(
                f"{self.device}: out of memory with {len(images)} frames of "
                f"{images.shape[3]}x{images.shape[2]}; lower max_batch in Build Engine or the "
                "size of the computation"
            ) from error

    def _on_device(self) -> AbstractContextManager[object]:
        """Kernels of triton are launched on the current GPU, whichever holds their inputs."""
        return torch.cuda.device(self.device) if self.device.type == "cuda" else nullcontext()

    def _settings(self) -> AbstractContextManager[object]:
        """What is fp32 is computed in fp32: TF32 has ten bits of mantissa. By default cuDNN takes
        it for convolutions; for products, which networks of lower precision also keep in fp32, it
        is the host's choice.

        cuDNN does not try its algorithms out: it would take other ones in each run, with other last
        bits, and seconds for each size, for 1.5 % of the time of MoveNet on an H200.
        """
        held = ExitStack()
        if self.device.type == "cuda":
            held.enter_context(true_products())
            held.enter_context(_held(torch.backends.cudnn, "benchmark", False))
            if self.precision == "fp32":
                held.enter_context(true_convolutions())
        return held

    def close(self) -> None:
        self._call = None


@contextmanager
def _held(owner: Any, name: str, value: object) -> Iterator[None]:
    """Run the body with an attribute set, and give it back as it was."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def true_products() -> Iterator[None]:
    """Products of fp32 matrices in fp32 on CUDA, whatever the process allowed."""
    try:
        before = torch.get_float32_matmul_precision()
    except RuntimeError:  # allowed by `fp32_precision`, of which the older functions know nothing
        with _held(torch.backends.cuda.matmul, "fp32_precision", "ieee"):
            yield
        return
    if before == "highest":
        yield
        return
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def true_convolutions() -> AbstractContextManager[None]:
    """Convolutions of fp32 by cuDNN in fp32, whatever the process allowed."""
    cudnn: Any = torch.backends.cudnn
    try:
        _ = cudnn.allow_tf32
    except RuntimeError:  # as in `true_products`
        return _held(cudnn.conv, "fp32_precision", "ieee")
    return _held(cudnn, "allow_tf32", False)


def prepared(module: nn.Module, device: torch.device, precision: str) -> nn.Module:
    """The module as it is run: in its precision, on its device, channels last."""
    return module.eval().to(device, DTYPES[precision]).to(memory_format=_LAYOUT)


def eager(
    module: nn.Module, device: torch.device, precision: str, graphs: tuple[int, int] | None = None
) -> TorchRunner:
    """A runner of the module itself, from CUDA graphs if `graphs` is given."""
    module = prepared(module, device, precision)
    size = sum(p.numel() * p.element_size() for p in module.parameters())
    name = "torch" if graphs is None else "torch_cudagraph"
    return TorchRunner(module, name, device, precision, size, graphs)


def compile_ahead(
    network: Network, weights: Path, device: torch.device, precision: str, path: Path
) -> None:
    """Compile the network with AOTInductor into a package at `path`; batch and sides stay free,
    of a network that takes one size the batch.

    Raises `EngineError` with the compiler's words when that fails.
    """
    from torch._inductor import aoti_compile_and_package  # imports the whole compiler

    stride = network.stride
    side = max(4 * stride, 2 * network.least)
    # no two sizes alike, or they are taken for one
    size = network.fixed or (side, side + stride)
    # The rows of the outputs are what may be one; the exporter finds no way to say it of the rest.
    rows, less = torch.export.Dim("rows", min=1, max=4095), network.min_batch - 1
    batch = rows + less if less else rows
    least = -(-network.least // stride)
    sizes = {0: batch}
    if network.fixed is None:
        high, wide = (torch.export.Dim(name, min=least, max=4096) for name in ("high", "wide"))
        sizes |= {2: stride * high, 3: stride * wide}
    try:
        # Not what a host runs nodes in: inference tensors cannot be exported.
        with torch.inference_mode(False), torch.no_grad():
            module = prepared(network.module(weights), device, precision)
            images = torch.rand(network.min_batch + 1, 3, *size, device=device)
            images = images.to(DTYPES[precision], memory_format=_LAYOUT)
            inputs: tuple[Tensor, ...] = (images,)
            shapes: tuple[dict[int, Any], ...] = (sizes,)
            if network.start is not None:
                second = network.start(images)
                inputs = (*inputs, second)
                # its sizes follow from those of the images
                shapes = (*shapes, dict.fromkeys(range(second.ndim), torch.export.Dim.AUTO))
            program = torch.export.export(module, inputs, dynamic_shapes=shapes)
            package = path.with_name(path.name + ".pt2")  # the suffix that it insists on
            try:
                aoti_compile_and_package(program, package_path=str(package))
                package.replace(path)
            finally:
                package.unlink(missing_ok=True)
    except EngineError:
        raise
    except Exception as error:  # the compiler's exceptions share no narrower base
        raise EngineError(f"torch cannot compile {network.name}: {error}") from error


def compiled(
    path: Path, device: torch.device, precision: str, graphs: tuple[int, int] | None
) -> TorchRunner:
    """A runner of a package that `compile_ahead` made; from CUDA graphs where there are any.

    Raises `EngineError` when it does not load.
    """
    index = device.index if device.type == "cuda" and device.index is not None else -1
    try:
        call = _loaded(path, index)
    except RuntimeError as error:
        raise EngineError(f"{path.name}: torch cannot load it: {error}") from error
    size = path.stat().st_size
    return TorchRunner(call, "torch_compiled", device, precision, size, graphs)


def _loaded(path: Path, index: int) -> Callable[..., Any]:
    """What a package of AOTInductor computes; one thread at a time: what CUDA graphs ask for, and
    how we call it.

    PyTorch's own loader without its Python side: that imports the compiler, and then compiles and
    runs a program for each kind of vectors that the processor has, to warn where they are others
    than when the package was made. In a new process that is half a minute, and our cache asks for
    the kind by itself. Where PyTorch's loader is not as we know it, its Python side it is.
    """
    try:
        make: Any = torch._C._aoti.AOTIModelPackageLoader
        arguments = (str(path), "model", True, 1, index)
        try:
            loader = make(*arguments)
        except TypeError:
            loader = make(*arguments, False)  # no stream of its own a thread; PyTorch 2.12 and on
        run, (_, out) = loader.boxed_run, loader.get_call_spec()
        results = pytree.treespec_loads(out)
    except (AttributeError, TypeError):
        from torch._inductor import aoti_load_package

        package = io.BytesIO(path.read_bytes())  # a path would have to end in .pt2
        return aoti_load_package(package, run_single_threaded=True, device_index=index)
    return lambda *inputs: pytree.tree_unflatten(run(list(inputs)), results)
