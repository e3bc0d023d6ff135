"""Nodes that find, change, load and save heads."""

CATEGORY = "Kinograph/head"
