"""Run graphs on a running ComfyUI."""
