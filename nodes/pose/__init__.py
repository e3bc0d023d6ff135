"""Nodes of poses."""
