"""Nodes of engines."""
