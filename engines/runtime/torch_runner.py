"""Runners of PyTorch: eager, from CUDA graphs, and compiled ahead of time; CPU and CUDA."""

import io
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from ..errors import EngineError
from .cuda_graph import ShapeGraphs
from .network import Network
from .runner import Runner
from .tensor_spec import DTYPES, FLOAT, TensorSpec
from .warned import warned_by_others

# The layout with which cuDNN and oneDNN are fastest.
_LAYOUT = torch.channels_last

Call = Callable[..., Mapping[str, Tensor]]


class TorchRunner(Runner):
    """Runs a network's torch form.

    call:      takes the network's inputs in their order, each of the type that its spec has in
               `precision`, images with channels last -> outputs by name
    size:      bytes of the weights
    max_batch: most images per call of CUDA graphs; 0: not from CUDA graphs
    """

    def __init__(
        self,
        call: Call,
        network: Network,
        backend: str,
        device: torch.device,
        precision: str,
        size: int,
        max_batch: int = 0,
    ):
        self.backend = backend
        self.device = device
        self.precision = precision
        self.bytes = size
        self._network = network
        self._graphs: ShapeGraphs | None = None
        self._call: Call | None = call
        self._how = {
            spec.name: (spec.torch_dtype(precision), _layout(spec)) for spec in network.inputs
        }
        if max_batch:
            self._graphs = ShapeGraphs(self._run, network, device, self._empty, max_batch)

    def _infer(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        with self._on_device(), self._settings(), torch.inference_mode():
            if self._graphs is not None:  # copying into a graph's inputs converts
                return self._graphs(inputs)
            return self._run(
                {
                    name: _dense(inputs[name], dtype, layout)
                    for name, (dtype, layout) in self._how.items()
                }
            )

    def _run(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        assert self._call is not None
        return self._call(*(inputs[name] for name in self._how))

    def _empty(self, name: str, shape: tuple[int, ...]) -> Tensor:
        dtype, layout = self._how[name]
        return torch.empty(shape, dtype=dtype, device=self.device, memory_format=layout)

    def _on_device(self) -> AbstractContextManager[object]:
        """Make the device current: Triton launches its kernels on the current GPU, not on that of
        their inputs."""
        return torch.cuda.device(self.device) if self.device.type == "cuda" else nullcontext()

    def _settings(self) -> AbstractContextManager[object]:
        """Compute fp32 in fp32, not in TF32, which has a mantissa of ten bits. By default cuDNN
        uses TF32 for convolutions; for matrix products, which networks of lower precision keep in
        fp32, too, it is the host's choice.

        cuDNN does not benchmark its algorithms: it would choose different ones in each run, with
        different last bits, and take seconds per size, for 1.5 % of the time of MoveNet on an H200.
        """
        held = ExitStack()
        if self.device.type == "cuda":
            held.enter_context(true_products())
            held.enter_context(_held(torch.backends.cudnn, "benchmark", False))
            if self.precision == "fp32":
                held.enter_context(true_convolutions())
        return held

    def _close(self) -> None:
        self._call = None
        self._graphs = None


def _layout(spec: TensorSpec) -> torch.memory_format:
    images = spec.dtype == FLOAT and len(spec.axes) == 4
    return _LAYOUT if images else torch.contiguous_format


def _dense(value: Tensor, dtype: torch.dtype, layout: torch.memory_format) -> Tensor:
    """Convert an input; compiled code reads it without regard to its strides."""
    return value.to(dtype, memory_format=layout).contiguous(memory_format=layout)


@contextmanager
def _held(owner: Any, name: str, value: object) -> Iterator[None]:
    """Set an attribute while the body runs, and restore it."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def true_products() -> Iterator[None]:
    """Compute products of fp32 matrices in fp32 on CUDA, whatever the process allows."""
    try:
        before = torch.get_float32_matmul_precision()
    except RuntimeError:  # allowed by `fp32_precision`, which the older functions do not know
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
    """Compute fp32 convolutions of cuDNN in fp32, whatever the process allows."""
    cudnn: Any = torch.backends.cudnn
    try:
        _ = cudnn.allow_tf32
    except RuntimeError:  # as in `true_products`
        return _held(cudnn.conv, "fp32_precision", "ieee")
    return _held(cudnn, "allow_tf32", False)


def prepared(module: nn.Module, device: torch.device, precision: str) -> nn.Module:
    """Return the module as it is run: in its precision, on its device, channels last."""
    return module.eval().to(device, DTYPES[precision]).to(memory_format=_LAYOUT)


def eager(
    network: Network, path: Path, device: torch.device, precision: str, max_batch: int = 0
) -> TorchRunner:
    """Return a runner of the torch module itself, from CUDA graphs if `max_batch` is given."""
    module = prepared(network.module(path), device, precision)
    size = sum(p.numel() * p.element_size() for p in module.parameters())
    name = "torch_cudagraph" if max_batch else "torch"
    return TorchRunner(module, network, name, device, precision, size, max_batch)


def example_inputs(network: Network, device: torch.device, precision: str) -> tuple[Tensor, ...]:
    """Return inputs to export the network with, of the types that its module takes.

    No two sizes are alike, because the exporter takes equal ones for the same.
    """
    stride = network.stride
    side = max(4 * stride, 2 * network.least)
    sizes = network.axes(network.min_batch + 1, side, side + stride)
    return tuple(_example(spec, sizes, device, precision) for spec in network.inputs)


def _example(
    spec: TensorSpec, sizes: Mapping[str, int], device: torch.device, precision: str
) -> Tensor:
    if spec.default is not None:
        value = spec.filled(sizes, device)
    elif spec.outer_dtype.is_floating_point:
        value = torch.rand(spec.shape(sizes), device=device)
    else:
        value = torch.zeros(spec.shape(sizes), dtype=spec.outer_dtype, device=device)
    return _dense(value, spec.torch_dtype(precision), _layout(spec))


def compile_ahead(
    network: Network, weights: Path, device: torch.device, precision: str, path: Path
) -> None:
    """Compile the network with AOTInductor into a package at `path`; its free axes stay free.

    Raises `EngineError` with the compiler's message if that fails.
    """
    try:
        # Hosts run nodes in inference mode, whose tensors cannot be exported.
        with (
            warned_by_others(f"compiling {network.name}"),
            torch.inference_mode(False),
            torch.no_grad(),
        ):
            from torch._inductor import aoti_compile_and_package  # imports the whole compiler

            module = prepared(network.module(weights), device, precision)
            inputs = example_inputs(network, device, precision)
            program = torch.export.export(module, inputs, dynamic_shapes=_free_axes(network))
            with TemporaryDirectory(dir=path.parent, prefix=f"{path.name}.") as folder:
                package = Path(folder, "model.pt2")
                aoti_compile_and_package(program, package_path=str(package))
                if device.type == "cuda":
                    _try_to_load(package)
                shutil.copyfile(package, path)  # into the file that is locked
    except EngineError:
        raise
    except Exception as error:  # the compiler's exceptions share no narrower base
        raise EngineError(f"torch cannot compile {network.name}: {error}") from error


def _free_axes(network: Network) -> tuple[dict[int, Any], ...]:
    """Return the dynamic shapes of the inputs for `torch.export`.

    The rows of the outputs are what may be 1; the exporter cannot express that of a batch of at
    least two. Height and width are multiples of the stride. What follows from another axis, the
    exporter infers.
    """
    stride, less = network.stride, network.min_batch - 1
    least = -(-network.least // stride)
    rows = torch.export.Dim("rows", min=1, max=4095)
    known: dict[str, Any] = {
        "batch": rows + less if less else rows,
        "height": stride * torch.export.Dim("high", min=least, max=4096),
        "width": stride * torch.export.Dim("wide", min=least, max=4096),
        **{
            name: torch.export.Dim(name, min=low, max=high)
            for name, (low, high) in network.ranges.items()
        },
    }
    return tuple(
        {
            place: known[axis.name] if axis.plain else torch.export.Dim.AUTO
            for place, axis in enumerate(spec.axes)
            if not isinstance(axis, int)
        }
        for spec in network.inputs
    )


def compiled(
    path: Path, network: Network, device: torch.device, precision: str, max_batch: int
) -> TorchRunner:
    """Return a runner of a package that `compile_ahead` made, from CUDA graphs on a GPU.

    Raises `EngineError` if it does not load.
    """
    index = device.index if device.type == "cuda" and device.index is not None else -1
    try:
        call = _loaded(path, index)
    except RuntimeError as error:
        raise EngineError(f"{path.name}: torch cannot load it: {error}") from error
    graphs = max_batch if device.type == "cuda" else 0
    return TorchRunner(
        call, network, "torch_compiled", device, precision, path.stat().st_size, graphs
    )


_LOADING = """
import sys
from importlib.util import find_spec
if find_spec("onnxruntime"):
    import onnxruntime
import torch
make = torch._C._aoti.AOTIModelPackageLoader
try:
    make(sys.argv[1], "model", True, 1, -1)
except TypeError:
    make(sys.argv[1], "model", True, 1, -1, False)
"""


def _try_to_load(package: Path) -> None:
    """Load a package in a separate process, as PyTorch's loader can end the process.

    Raises `EngineError` if it does.
    """
    command = [sys.executable, "-c", _LOADING, str(package)]
    code = subprocess.run(command, capture_output=True, check=False).returncode
    if code < 0 or code > 255:  # a signal; on Windows an exception
        raise EngineError(f"PyTorch's loader crashes on what it has compiled (exit status {code})")


def _loaded(path: Path, index: int) -> Callable[..., Any]:
    """Return the function that a package of AOTInductor computes, for one thread at a time: CUDA
    graphs ask for that, and it is how the runner calls it.

    This is PyTorch's own loader without its Python part, which imports the compiler, and then
    compiles and runs a program for each kind of vector instructions that the processor has, to warn
    if they differ from those when the package was made. In a new process that takes half a minute,
    and the key of the cache contains the instructions. Where PyTorch's loader is not as expected,
    its Python part is used.
    """
    if torch.cuda.is_available() and find_spec("onnxruntime") is not None:
        # PyTorch 2.11 on an H100 crashes here, and in its Python part, unless the library of ONNX
        # Runtime was loaded before; why is not known.
        import onnxruntime  # noqa: F401
    try:
        make: Any = torch._C._aoti.AOTIModelPackageLoader
        arguments = (str(path), "model", True, 1, index)
        try:
            loader = make(*arguments)
        except TypeError:
            loader = make(*arguments, False)  # no stream per thread; PyTorch 2.12 and later
        run, (_, out) = loader.boxed_run, loader.get_call_spec()
        results = pytree.treespec_loads(out)
    except (AttributeError, TypeError):
        from torch._inductor import aoti_load_package

        package = io.BytesIO(path.read_bytes())  # a path would have to end in .pt2
        return aoti_load_package(package, run_single_threaded=True, device_index=index)
    return lambda *inputs: pytree.tree_unflatten(run(list(inputs)), results)
