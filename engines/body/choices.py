"""What menus about bodies offer; imports nothing."""

CONDITIONS = (
    "Optimal",
    "Low Light",
    "Partial Occlusion",
    "Fast Motion",
    "Static+Moving Occlusion",
    "Custom",
)
"""What a record of metrics can say of the scene, as REMI names it."""

FOV = 43.0
"""Vertical field of view in degrees: the main camera of a phone (26 mm equivalent) in 16:9."""
