"""What a family of optical flow networks is."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from ..errors import InputError
from ..models.families import find_family
from ..models.family import Family
from ..models.model import Model
from ..runtime.network import Network


@dataclass(frozen=True, kw_only=True)
class FlowFamily(Family):
    """A family of optical flow networks.

    Its networks take these options:
    updates: how often the flow is refined; 0 = the usual number
    both:    whether there is a backward flow, too
    warm:    whether the network starts from a given flow
    A network that does not have an option refuses it with a `ModelError`.

    reference: the original implementation, which benchmarks measure; None if there is none
    """

    task: str = "flow"
    options: tuple[str, ...] = ("updates", "both", "warm")
    reference: "Reference | None" = None


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The original implementation of a network, and the work that it does.

    make:    -> the module with random weights
    call:    module, frames [F,3,H,W] 0..1, number of updates -> runs it on the F - 1 pairs
    updates: the usual number of updates
    encode, update, correlate: multiply-adds in 10^9 for a pair of 512x512: both frames' features
             and the context; one update; the correlation, which grows with the square of the pixels
    """

    make: Callable[[], nn.Module]
    call: Callable[[nn.Module, Any, int], object]
    updates: int
    encode: float
    update: float
    correlate: float


def flow_family(model: Model) -> FlowFamily:
    """Return the family of a flow model. Raises `InputError` for another model."""
    family = find_family(model.entry.family)
    if not isinstance(family, FlowFamily):
        raise InputError(
            f"engine: {model.name} does not estimate flow; choose a model in Load Flow Model"
        )
    return family


def with_options(network: Callable[..., Network], **fixed: Any) -> Callable[[Model], Network]:
    """Return a function of a model that calls `network` with its options and the `fixed` ones."""
    return partial(_with_options, network, fixed)


def _with_options(network: Callable[..., Network], fixed: dict[str, Any], model: Model) -> Network:
    return network(**fixed, **model.options)
