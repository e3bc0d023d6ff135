"""Meshes worn on heads: a mask, glasses or any other, placed on every head and drawn."""
