"""Nodes that draw."""

CATEGORY = "Kinograph/render"
