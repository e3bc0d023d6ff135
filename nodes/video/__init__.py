"""Nodes that read videos."""

CATEGORY = "Kinograph/video"
