"""Names, types and shapes of a network's inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..errors import EngineError, InputError

FLOAT = "float"
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_FIXED = {
    name: getattr(torch, name)
    for name in ("float32", "float16", "int64", "int32", "int8", "uint8", "bool")
}


@dataclass(frozen=True)
class Axis:
    """A size that follows from a free axis: (size of `name` * times + plus) // over.

    Made by arithmetic: `BATCH - 1`, `HEIGHT // 8`, `WIDTH * 2`.
    """

    name: str
    times: int = 1
    plus: int = 0
    over: int = 1

    def __add__(self, number: int) -> Axis:
        return Axis(self.name, self.times, self.plus + number * self.over, self.over)

    def __sub__(self, number: int) -> Axis:
        return self + -number

    def __mul__(self, number: int) -> Axis:
        return Axis(self.name, self.times * number, self.plus * number, self.over)

    def __floordiv__(self, number: int) -> Axis:
        return Axis(self.name, self.times, self.plus, self.over * number)

    @property
    def plain(self) -> bool:
        """Whether it is the free axis itself."""
        return (self.times, self.plus, self.over) == (1, 0, 1)

    def size(self, sizes: Mapping[str, int]) -> int:
        """Return the size where the free axes have `sizes`."""
        return (sizes[self.name] * self.times + self.plus) // self.over

    def __str__(self) -> str:
        times = "" if self.times == 1 else f"{self.times}*"
        plus = f"{self.plus:+d}" if self.plus else ""
        above = (
            f"({times}{self.name}{plus})" if plus and self.over > 1 else times + self.name + plus
        )
        return above if self.over == 1 else f"{above}/{self.over}"


BATCH, HEIGHT, WIDTH = Axis("batch"), Axis("height"), Axis("width")


@dataclass(frozen=True)
class TensorSpec:
    """One named input or output of a network.

    name:    of the tensor, in the network, its ONNX graph and its engines
    dtype:   "float" for values in the engine's precision (float32 at the border of ONNX graphs and
             TensorRT engines); otherwise the name of a torch type that is kept in every precision,
             e.g. "float32" for coordinates, or "int64"
    dims:    for each axis its size, the name of a free axis, or an `Axis` that follows from one
    default: fills an optional input that the caller does not give; None: the input is required
    example: shape -> a realistic value on the CPU, on which engines are compared with the
             reference; None: smooth noise in 0..1, or the default
    hint:    what a user can do about an input of the wrong shape

    Raises `EngineError` for a name, type or size that makes no sense.
    """

    name: str
    dtype: str
    dims: tuple[int | str | Axis, ...]
    default: float | None = None
    example: Callable[[Sequence[int]], Tensor] | None = None
    hint: str = ""
    axes: tuple[int | Axis, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise EngineError(f"tensor name: expected a Python identifier, found {self.name!r}")
        if self.dtype != FLOAT and self.dtype not in _FIXED:
            raise EngineError(
                f"tensor {self.name}: expected one of the types {', '.join([FLOAT, *_FIXED])}, "
                f"found {self.dtype!r}"
            )
        if not self.dims:
            raise EngineError(f"tensor {self.name}: expected at least one axis, found none")
        axes = tuple(Axis(dim) if isinstance(dim, str) else dim for dim in self.dims)
        for axis in axes:
            if axis.over < 1 if isinstance(axis, Axis) else axis < 1:
                raise EngineError(
                    f"tensor {self.name}: expected sizes of at least 1 and names as axes, found "
                    f"{axis}"
                )
        object.__setattr__(self, "axes", axes)

    @property
    def free(self) -> tuple[Axis, ...]:
        """The axes whose size is not a constant."""
        return tuple(axis for axis in self.axes if isinstance(axis, Axis))

    @property
    def row_per_image(self) -> bool:
        """Whether it has one row per image of the batch, or does not depend on the batch."""
        at = [
            place for place, a in enumerate(self.axes) if isinstance(a, Axis) and a.name == "batch"
        ]
        return not at or (at == [0] and self.axes[0] == BATCH)

    def torch_dtype(self, precision: str) -> torch.dtype:
        """Return its type inside a torch module of `precision`."""
        return DTYPES[precision] if self.dtype == FLOAT else _FIXED[self.dtype]

    @property
    def outer_dtype(self) -> torch.dtype:
        """Its type at the border of an ONNX graph or a TensorRT engine."""
        return self.torch_dtype("fp32")

    def shape(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """Return its shape where the free axes have `sizes`."""
        return tuple(a.size(sizes) if isinstance(a, Axis) else a for a in self.axes)

    def rows(self, batch: int) -> int | None:
        """Return the size of the first axis for a number of images; None if it is independent."""
        first = self.axes[0] if self.axes else None
        if not isinstance(first, Axis) or first.name != BATCH.name:
            return None
        return first.size({BATCH.name: batch})

    def filled(self, sizes: Mapping[str, int], device: torch.device) -> Tensor:
        """Return the default of an optional input. Raises `EngineError` for a required one."""
        if self.default is None:
            raise EngineError(f"input {self.name}: it is required, expected {self}")
        return torch.full(self.shape(sizes), self.default, dtype=self.outer_dtype, device=device)

    def __str__(self) -> str:
        return f"{self.dtype} [{','.join(map(str, self.axes))}]"


def image_input(
    height: int | None = None,
    width: int | None = None,
    *,
    name: str = "images",
    example: Callable[[Sequence[int]], Tensor] | None = None,
) -> TensorSpec:
    """Return the spec of a batch of images [batch,3,height,width], RGB in 0..1.

    height, width: of a network that takes one size only
    example:       see `TensorSpec`
    """
    return TensorSpec(name, FLOAT, (BATCH, 3, height or HEIGHT, width or WIDTH), example=example)


def bind(specs: Sequence[TensorSpec], tensors: Mapping[str, Tensor], what: str) -> dict[str, int]:
    """Return the sizes of the free axes, by name, of tensors that `specs` describe.

    Optional tensors may be missing. Raises `InputError`, whose message begins with `what`, for a
    tensor whose shape does not fit its spec or the other tensors, for a missing one, and for one
    that no spec describes.
    """
    if unknown := sorted(tensors.keys() - {spec.name for spec in specs}):
        known = ", ".join(spec.name for spec in specs)
        raise InputError(f"{what}: expected the inputs {known}, found {', '.join(unknown)}")
    sizes: dict[str, int] = {}
    given: list[tuple[TensorSpec, Tensor]] = []
    for spec in specs:
        tensor = tensors.get(spec.name)
        if tensor is not None:
            given.append((spec, tensor))
        elif spec.default is None:
            raise InputError(f"{what}: expected the input {spec.name}, {spec}, found none")
    for spec, tensor in given:
        if tensor.ndim != len(spec.axes):
            raise _misfit(spec, tensor, what)
        for axis, size in zip(spec.axes, tensor.shape, strict=True):
            if isinstance(axis, Axis) and axis.plain and spec.default is None:
                sizes.setdefault(axis.name, size)
            elif isinstance(axis, int) and axis != size:
                raise _misfit(spec, tensor, what)
    for spec, tensor in given:
        if tuple(tensor.shape) != spec.shape(sizes):
            raise _misfit(spec, tensor, what, sizes)
    return sizes


def _misfit(
    spec: TensorSpec, tensor: Tensor, what: str, sizes: Mapping[str, int] | None = None
) -> InputError:
    shape = ",".join(map(str, spec.axes if sizes is None else spec.shape(sizes)))
    hint = f"; {spec.hint}" if spec.hint else ""
    return InputError(
        f"{what}: expected {spec.name} of the shape [{shape}], found {list(tensor.shape)}{hint}"
    )


def outer(specs: Iterable[TensorSpec], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors, contiguous and of the types that a graph or an engine takes them in."""
    return {s.name: tensors[s.name].to(s.outer_dtype).contiguous() for s in specs}
