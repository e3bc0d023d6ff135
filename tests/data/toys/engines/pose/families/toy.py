"""A pose family: MoveNet, asked for the surest person only; users bring its weights."""

from dataclasses import replace

from . import movenet

FAMILY = replace(
    movenet.FAMILY,
    name="toy",
    network=lambda model: replace(movenet.NETWORK, name="toy"),
    suffixes=(".safetensors",),
    recommended_size=256,
    head=replace(movenet.FAMILY.head, most=1),
)
