"""Nodes that detect, change, load and save poses."""

CATEGORY = "Kinograph/pose"
