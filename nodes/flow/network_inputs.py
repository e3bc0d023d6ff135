"""How a flow network runs: widgets of the nodes that load one."""

from typing import Any

from .. import advanced
from ..api import io


def updates_input() -> Any:
    """Return the widget for the number of updates."""
    return advanced.Int.Input(
        "updates",
        default=0,
        min=0,
        max=64,
        step=1,
        tooltip="How many times the network refines its flow. Fewer updates are faster: half as "
        "many take about half the time. 0: the usual number, 12 for RAFT and 8 for NeuFlow; VACE's "
        "annotator uses 20 for RAFT.",
    )


def both_ways_input() -> Any:
    """Return the widget for backward flow beside the forward one."""
    return io.Boolean.Input(
        "both_ways",
        default=False,
        tooltip="The engine also outputs the backward flow, computed from the same features; for "
        "direction both in Estimate Flow, which otherwise processes the clip a second time in "
        "reverse.",
    )


def warm_start_input() -> Any:
    """Return the widget for starting each pair from the previous one."""
    return advanced.Boolean.Input(
        "warm_start",
        default=False,
        tooltip="RAFT starts each pair from the flow of the previous pair, so that fewer updates "
        "suffice for steady motion. Pairs are then processed one by one: for live streams.",
    )
