"""What a model family tells the runtime about its network."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import EngineError, ModelError
from ..models.families import family_of
from ..models.model import Model
from .onnx_graph import InputAdapter
from .parity import Verdict, compare
from .tensor_spec import BATCH, HEIGHT, WIDTH, TensorSpec

Outputs = Mapping[str, Tensor]


def join_rows(pieces: Sequence[Outputs], images: int) -> Outputs:
    """Return the outputs of several calls as those of one: concatenated and cut to `images`."""
    return {name: torch.cat([piece[name] for piece in pieces])[:images] for name in pieces[0]}


def join_places(pieces: Sequence[Outputs], images: int) -> Outputs:
    """Return the outputs of several calls as those of one where their second axes, the places of an
    image, differ: the shorter ones are filled up with 0."""
    joined = {}
    for name in pieces[0]:
        values = [piece[name] for piece in pieces]
        most = max(value.shape[1] for value in values)
        rows = [
            torch.cat([v, v.new_zeros(len(v), most - v.shape[1], *v.shape[2:])], 1) for v in values
        ]
        joined[name] = torch.cat(rows)[:images]
    return joined


@dataclass(frozen=True)
class Network:
    """A network with named inputs and outputs.

    name:         of the family
    load:         weights file -> torch module in fp32 on the CPU; its forward takes the inputs in
                  their order and returns the outputs by name. None: the file is an ONNX graph,
                  which runs in ONNX Runtime and TensorRT
    inputs:       the first one is the images or crops that a batch is counted by; axes named
                  batch, height and width take what an engine is built for, any other free axis
                  needs an entry in `ranges`
    outputs:      in the order of the ONNX graph; an axis that does not follow from the inputs has
                  a name of its own
    stride:       height and width are multiples of it
    sizes:        smallest and largest longer side that makes sense, px
    pixel_bytes:  bytes of the largest fp32 activation per input pixel; sets how many images a CPU
                  takes at once
    gpu_bytes:    height, width, bytes per number -> bytes that each row of an output takes on a
                  GPU, if that can be too much for `max_batch` images at once; None: it cannot
    min_batch:    fewest images per call (2 for a network that compares neighbours)
    min_side:     shortest side that it takes, px; 0 = the stride
    ranges:       smallest and largest size of further free axes
    size_name:    what the nodes call the setting of the longer side
    adapter:      of an ONNX graph made by others: how it is fed and what its outputs are called
    batch:        images that every call takes, no more and no fewer; 0 = any number
    join:         of a network with `batch`: outputs of its calls, number of images -> of one call
    left_out:     backends that "auto" leaves out although they work -> why
    compare:      outputs of the reference, outputs, precision -> verdict

    Raises `EngineError` for specs that contradict each other.
    """

    name: str
    load: Callable[[Path], nn.Module] | None
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    stride: int
    sizes: tuple[int, int]
    pixel_bytes: int
    gpu_bytes: Callable[[int, int, int], int] | None = None
    min_batch: int = 1
    min_side: int = 0
    ranges: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    size_name: str = "size"
    adapter: InputAdapter | None = None
    batch: int = 0
    join: Callable[[Sequence[Outputs], int], Outputs] = join_rows
    left_out: Mapping[str, str] = field(default_factory=dict)
    compare: Callable[[Outputs, Outputs, str], Verdict] = compare

    def __post_init__(self) -> None:
        names = [spec.name for spec in (*self.inputs, *self.outputs)]
        if not self.inputs or not self.outputs or len(set(names)) != len(names):
            raise EngineError(
                f"network {self.name}: expected inputs and outputs of distinct names, found {names}"
            )
        if self.inputs[0].default is not None or self.inputs[0].axes[:1] != (BATCH,):
            raise EngineError(
                f"network {self.name}: expected a required first input whose first axis is batch, "
                f"found {self.inputs[0]}"
            )
        known = {BATCH.name, HEIGHT.name, WIDTH.name, *self.ranges}
        free = [axis for spec in self.inputs for axis in spec.free]
        bound = {
            a.name for spec in self.inputs if spec.default is None for a in spec.free if a.plain
        }
        for name in dict.fromkeys(axis.name for axis in free):
            if name not in known:
                raise EngineError(
                    f"network {self.name}: the axis {name} has no smallest and largest size; "
                    "add it to ranges"
                )
            if name not in bound:
                raise EngineError(
                    f"network {self.name}: the axis {name} is an axis of no required input"
                )

    def module(self, path: Path) -> nn.Module:
        """Return the torch module. Raises `EngineError` for a network that is an ONNX graph."""
        if self.load is None:
            raise EngineError(f"{self.name} is an ONNX graph, which torch does not run")
        return self.load(path)

    def takes(self, name: str) -> bool:
        """Return whether it has an input of this name."""
        return any(spec.name == name for spec in self.inputs)

    @property
    def least(self) -> int:
        """The shortest side of an input, px."""
        return self.min_side or self.stride

    @property
    def fixed(self) -> tuple[int, int] | None:
        """Height and width if it takes images of one size only, else None."""
        axes = self.inputs[0].axes
        if len(axes) == 4 and isinstance(axes[2], int) and isinstance(axes[3], int):
            return axes[2], axes[3]
        return None

    @property
    def fills_up(self) -> bool:
        """Whether a batch can be filled up with images whose outputs are then dropped."""
        return all(spec.row_per_image for spec in self.inputs)

    def axes(self, batch: int, height: int, width: int, *, largest: bool = True) -> dict[str, int]:
        """Return the sizes of all free axes, of those in `ranges` the largest or the smallest."""
        return {
            BATCH.name: batch,
            HEIGHT.name: height,
            WIDTH.name: width,
            **{name: span[largest] for name, span in self.ranges.items()},
        }

    def complete(self, inputs: Mapping[str, Tensor], sizes: Mapping[str, int]) -> dict[str, Tensor]:
        """Return the inputs in their order, with the defaults of optional ones that are missing.

        sizes: of the free axes, see `tensor_spec.bind`
        """
        device = inputs[self.inputs[0].name].device
        return {
            spec.name: inputs[spec.name] if spec.name in inputs else spec.filled(sizes, device)
            for spec in self.inputs
        }


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
