"""Nodes that draw."""
