"""How a flow network runs: widgets of the nodes that load one."""

from typing import Any

from ..api import io


def updates_input() -> Any:
    """Return the widget for the number of updates."""
    return io.Int.Input(
        "updates",
        default=0,
        min=0,
        max=64,
        step=1,
        tooltip="How often the network improves its flow. Fewer are faster: half as many take "
        "about half the time. 0: as it is usually run, RAFT 12 times and NeuFlow 8; VACE's "
        "annotator runs RAFT 20 times.",
    )


def both_ways_input() -> Any:
    """Return the widget for backward flow beside the forward one."""
    return io.Boolean.Input(
        "both_ways",
        default=False,
        tooltip="The engine gives the backward flow, too, from the same features; for direction "
        "both in Estimate Flow, which otherwise runs the clip a second time, backwards.",
    )


def warm_start_input() -> Any:
    """Return the widget for starting each pair from the previous one."""
    return io.Boolean.Input(
        "warm_start",
        default=False,
        tooltip="RAFT begins each pair with where the pair before leads, so that fewer updates do "
        "in steady motion. Pairs then go one by one, and in PyTorch: for live streams.",
    )
