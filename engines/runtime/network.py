"""What a model family tells the runtime about its network."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import EngineError, ModelError
from ..models.families import family_of
from ..models.model import Model
from .onnx_graph import Feed
from .parity import Verdict, compare

Outputs = Mapping[str, Tensor]


def join_rows(pieces: Sequence[Outputs], images: int) -> Outputs:
    """The outputs of several calls as those of one: rows after rows, cut to `images`."""
    return {name: torch.cat([piece[name] for piece in pieces])[:images] for name in pieces[0]}


@dataclass(frozen=True)
class Network:
    """A network with one image input [N,3,H,W], RGB in 0..1, and named outputs.

    name:         of the family
    load:         weights file -> torch module in fp32 on the CPU; its forward takes the images
                  and returns the outputs by name. None: the file is an ONNX graph, which runs in
                  ONNX Runtime and TensorRT
    outputs:      name -> channels
    stride:       both sides of the input are multiples of it
    sizes:        smallest and largest longer side that makes sense
    pixel_bytes:  largest fp32 activation in bytes per input pixel; sets how many frames a CPU
                  takes at once
    gpu_bytes:    height, width, bytes of a number -> bytes that each row of an output takes on a
                  GPU, where that can be too much for `max_batch` images at once; None: it cannot
    start:        of a network with a second input, what it begins with: images -> that input where
                  nothing is known; runs in PyTorch only
    min_batch:    fewest images a call (two for a network that compares neighbours); every output
                  has `min_batch - 1` rows less than the input
    min_side:     shortest side that it takes; 0 = the stride
    feed:         of an ONNX graph: what it is fed with and what its outputs are called
    batch:        images that every call takes, no more and no less; 0 = any number
    fixed:        height and width, where no others are taken
    join:         of a network with `batch`: outputs of its calls, number of images -> as of one
    left_out:     backends that "auto" leaves out although they work, and why
    size_name:    what the nodes call the setting of the longer side
    example:      shape [N,3,H,W] -> the images it is compared with the reference on; None: noise
    compare:      reference's outputs, outputs, precision -> verdict
    """

    name: str
    load: Callable[[Path], nn.Module] | None
    outputs: Mapping[str, int]
    stride: int
    sizes: tuple[int, int]
    pixel_bytes: int
    gpu_bytes: Callable[[int, int, int], int] | None = None
    start: Callable[[Tensor], Tensor] | None = None
    min_batch: int = 1
    min_side: int = 0
    feed: Feed | None = None
    batch: int = 0
    fixed: tuple[int, int] | None = None
    join: Callable[[Sequence[Outputs], int], Outputs] = join_rows
    left_out: Mapping[str, str] = field(default_factory=dict)
    size_name: str = "size"
    example: Callable[[Sequence[int]], Tensor] | None = None
    compare: Callable[[Outputs, Outputs, str], Verdict] = compare

    def module(self, path: Path) -> nn.Module:
        """The torch module. Raises `EngineError` for a network that is an ONNX graph."""
        if self.load is None:
            raise EngineError(f"{self.name} is an ONNX graph, which torch does not run")
        return self.load(path)

    @property
    def least(self) -> int:
        """The shortest side of an input."""
        return self.min_side or self.stride


def network_of(model: Model) -> Network:
    """Return the network of `model`'s family, with the model's options.

    Raises `ModelError` for an unknown family, for an option that the family does not have, and for
    a file that does not fit it.
    """
    family = family_of(model)
    if unknown := sorted(set(model.options) - set(family.options)):
        known = f"one of {', '.join(family.options)}" if family.options else "none"
        raise ModelError(
            f"model {model.name}: options: expected {known}, found {', '.join(unknown)}"
        )
    network: Network = family.network(model)
    return network
