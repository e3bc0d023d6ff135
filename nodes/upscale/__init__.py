"""Nodes that make frames larger."""

CATEGORY = "Kinograph/upscale"
