"""Launching a network's hundreds of kernels at once: one CUDA graph for each shape that occurs."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .network import Network

Call = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]
Empty = Callable[[str, tuple[int, ...]], Tensor]  # name of an input, shape -> a tensor for it

_MOST = 8  # graphs kept; each holds its inputs, outputs and activations


@dataclass
class _Captured:
    graph: torch.cuda.CUDAGraph
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


class ShapeGraphs:
    """Runs `call` from CUDA graphs, one for each size of the inputs and power of two of images.

    A batch is filled up to the next power of two where the network's inputs allow it, so that the
    rest of a clip needs no separate graph. Outputs are copies, which the next call leaves alone.
    The graphs share one memory pool, and the eight used last are kept.

    call:      inputs by name -> outputs by name, without waiting for the GPU
    empty:     allocates an input of the graphs in the type and layout that `call` takes it in;
               copying into it converts the caller's
    max_batch: most images per call
    """

    def __init__(
        self, call: Call, network: Network, device: torch.device, empty: Empty, max_batch: int
    ):
        self._call = call
        self._network = network
        self._device = device
        self._empty = empty
        self._max_batch = network.batch or max_batch
        self._pool = torch.cuda.graph_pool_handle()
        self._graphs: OrderedDict[tuple[tuple[int, ...], ...], _Captured] = OrderedDict()
        self._lock = threading.Lock()  # a graph has one set of inputs and outputs

    def __call__(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        specs = self._network.inputs
        images = len(inputs[specs[0].name])
        shapes = self._shapes(inputs, images)
        with self._lock:
            captured = self._graphs.get(shapes)
            if captured is None:
                captured = self._graphs[shapes] = self._capture(shapes)
                if len(self._graphs) > _MOST:
                    self._graphs.popitem(last=False)
            else:
                self._graphs.move_to_end(shapes)
            for spec in specs:
                value = inputs[spec.name]
                captured.inputs[spec.name][: len(value)].copy_(value)
            captured.graph.replay()
            return self._rows(captured.outputs, images)

    def _shapes(self, inputs: Mapping[str, Tensor], images: int) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of the graph's inputs, in their order."""
        network = self._network
        shapes = [tuple(inputs[spec.name].shape) for spec in network.inputs]
        if not network.fills_up:
            return tuple(shapes)
        count = self._bucket(images)
        return tuple(
            shape if spec.rows(images) is None else (count, *shape[1:])
            for spec, shape in zip(network.inputs, shapes, strict=True)
        )

    def _rows(self, outputs: Mapping[str, Tensor], images: int) -> dict[str, Tensor]:
        rows = {spec.name: spec.rows(images) for spec in self._network.outputs}
        return {name: value[: rows[name]].clone() for name, value in outputs.items()}

    def _bucket(self, images: int) -> int:
        """Return the number of images to run for `images`: a power of two of an output's rows."""
        less = self._network.min_batch - 1
        rows = 1 << (images - less - 1).bit_length()
        return min(rows, self._max_batch - less) + less

    def _capture(self, shapes: tuple[tuple[int, ...], ...]) -> _Captured:
        inputs = {
            spec.name: self._empty(spec.name, shape).zero_()
            for spec, shape in zip(self._network.inputs, shapes, strict=True)
        }
        stream = torch.cuda.Stream(self._device)
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream):
            for _ in range(2):  # libraries choose and load their kernels now, not while capturing
                self._call(inputs)
        torch.cuda.current_stream(self._device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # Other threads (ComfyUI's previews) may use the GPU meanwhile.
        with torch.cuda.graph(
            graph, pool=self._pool, stream=stream, capture_error_mode="thread_local"
        ):
            outputs = self._call(inputs)
        return _Captured(graph, inputs, outputs)
