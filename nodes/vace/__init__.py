"""Nodes for VACE."""
