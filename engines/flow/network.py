"""What optical flow networks have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from ..errors import ModelError
from ..runtime.network import Network
from ..runtime.tensor_spec import BATCH, HEIGHT, WIDTH, TensorSpec, image_input

_MOST_UPDATES = 64


def flow_network(
    name: str,
    load: Callable[[Path], nn.Module],
    *,
    both: bool,
    stride: int,
    sizes: tuple[int, int],
    optional: tuple[TensorSpec, ...] = (),
    **more: Any,
) -> Network:
    """Return a network that takes the F frames of a clip and returns F - 1 rows of "flow".

    both:     whether it returns "backward", too
    sizes:    the shortest side that it takes, and the longest side that makes sense, in pixels
    optional: inputs besides the frames
    more:     further fields of `Network`
    """
    return Network(
        name=name,
        load=load,
        inputs=(image_input(), *optional),
        outputs=tuple(
            TensorSpec(name, "float32", (BATCH - 1, 2, HEIGHT, WIDTH))
            for name in (("flow", "backward") if both else ("flow",))
        ),
        stride=stride,
        sizes=sizes,
        pixel_bytes=4 * 64,
        min_batch=2,
        min_side=sizes[0],
        **more,
    )


def updates_of(asked: int, usual: int) -> int:
    """Return how often a network refines its flow; 0 = the usual number.

    Raises `ModelError` for a number out of range.
    """
    if not 0 <= asked <= _MOST_UPDATES:
        raise ModelError(f"updates: expected 1 to {_MOST_UPDATES}, or 0 for {usual}, found {asked}")
    return asked or usual


def no_warm_start(title: str, warm: bool) -> None:
    """Raise `ModelError` if a network that cannot start from a given flow is asked to."""
    if warm:
        raise ModelError(f"warm_start: expected off, as {title} cannot start from a given flow")
