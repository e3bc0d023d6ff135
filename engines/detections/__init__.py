"""Boxes around what a network finds: their value type, their networks and their comparison."""
