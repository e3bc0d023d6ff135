"""Graphs: load, convert and check them."""
