"""Measurements of the command `kinograph bench`."""
