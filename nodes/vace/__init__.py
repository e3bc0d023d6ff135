"""Nodes that prepare control videos for VACE models."""

CATEGORY = "Kinograph/vace"
