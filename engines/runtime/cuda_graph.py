"""Launching a network's hundreds of kernels as one: a CUDA graph for every shape that occurs."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

Call = Callable[..., Mapping[str, Tensor]]

_MOST = 8  # graphs kept; each holds its inputs, outputs and activations


@dataclass
class _Captured:
    graph: torch.cuda.CUDAGraph
    images: Tensor
    start: Tensor | None
    outputs: Mapping[str, Tensor]


class ShapeGraphs:
    """Runs `call` from CUDA graphs, one for each size of image and each power of two of images.

    Fewer images are run as the next power of two, so that the rest of a clip needs no graph of its
    own. Outputs are copies: the next call does not change them. The graphs share one pool of memory
    and the eight used last are kept.

    call:      images [N,3,H,W], and what the network begins with where that is given -> outputs by
               name, without waiting for the GPU
    rows_less: how many rows fewer an output has than there are images
    """

    def __init__(
        self,
        call: Call,
        device: torch.device,
        dtype: torch.dtype,
        memory_format: torch.memory_format,
        max_batch: int,
        rows_less: int = 0,
    ):
        self._call = call
        self._device = device
        self._dtype = dtype
        self._format = memory_format
        self._max_batch = max_batch
        self._rows_less = rows_less
        self._pool = torch.cuda.graph_pool_handle()
        self._graphs: OrderedDict[tuple[int, ...], _Captured] = OrderedDict()
        self._lock = threading.Lock()  # a graph has one set of inputs and outputs

    def __call__(self, images: Tensor, start: Tensor | None = None) -> Mapping[str, Tensor]:
        # the rows of a second input are those of the very images
        count = self._bucket(len(images)) if start is None else len(images)
        shape = (count, *images.shape[1:])
        with self._lock:
            captured = self._graphs.get(shape)
            if captured is None:
                captured = self._graphs[shape] = self._capture(shape, start)
                if len(self._graphs) > _MOST:
                    self._graphs.popitem(last=False)
            else:
                self._graphs.move_to_end(shape)
            captured.images[: len(images)].copy_(images)
            if captured.start is not None and start is not None:
                captured.start.copy_(start)
            captured.graph.replay()
            rows = len(images) - self._rows_less
            return {name: value[:rows].clone() for name, value in captured.outputs.items()}

    def _bucket(self, images: int) -> int:
        rows = images - self._rows_less
        return min(1 << (rows - 1).bit_length(), self._max_batch - self._rows_less) + (
            self._rows_less
        )

    def _capture(self, shape: tuple[int, ...], start: Tensor | None) -> _Captured:
        images = torch.empty(
            shape, dtype=self._dtype, device=self._device, memory_format=self._format
        ).zero_()
        given = () if start is None else (start.clone(),)
        stream = torch.cuda.Stream(self._device)
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream):
            for _ in range(2):  # libraries choose and load their kernels now, not while capturing
                self._call(images, *given)
        torch.cuda.current_stream(self._device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # Other threads (ComfyUI's previews) may use the GPU meanwhile.
        with torch.cuda.graph(
            graph, pool=self._pool, stream=stream, capture_error_mode="thread_local"
        ):
            outputs = self._call(images, *given)
        return _Captured(graph, images, given[0] if given else None, outputs)
