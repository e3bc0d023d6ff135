"""Graphs on a running ComfyUI."""
