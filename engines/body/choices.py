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
