"""Nodes that turn a model into something that runs."""

CATEGORY = "Kinograph/engine"
