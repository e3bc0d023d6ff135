"""Graphs: reading, converting and checking them."""
