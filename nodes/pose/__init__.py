"""Nodes that find, change and keep poses."""

CATEGORY = "Kinograph/pose"
