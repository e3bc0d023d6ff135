"""Graphs in the form that ComfyUI's editor saves."""
