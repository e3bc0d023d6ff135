"""What the networks of optical flow have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from ..errors import ModelError
from ..runtime.network import Network

_MOST_UPDATES = 64


def flow_network(
    name: str,
    load: Callable[[Path], nn.Module],
    *,
    both: bool,
    stride: int,
    sizes: tuple[int, int],
    **more: Any,
) -> Network:
    """A network that takes the frames of a clip and gives a flow less: "flow", and "backward" with
    `both`. sizes: the shortest side that it takes, and the longest that makes sense."""
    return Network(
        name=name,
        load=load,
        outputs={"flow": 2, "backward": 2} if both else {"flow": 2},
        stride=stride,
        sizes=sizes,
        max_people=0,
        pixel_bytes=4 * 64,
        min_batch=2,
        min_side=sizes[0],
        **more,
    )


def updates_of(asked: int, usual: int) -> int:
    """How often a network improves its flow; 0 = as usual. Raises `ModelError` for a number that
    makes no sense."""
    if not 0 <= asked <= _MOST_UPDATES:
        raise ModelError(f"updates: expected 1 to {_MOST_UPDATES}, or 0 for {usual}, found {asked}")
    return asked or usual


def no_warm_start(title: str, warm: bool) -> None:
    """Raise `ModelError` if a network that has no flow to begin with is asked for a warm start."""
    if warm:
        raise ModelError(f"warm_start: expected off, as {title} has no flow to begin with")
