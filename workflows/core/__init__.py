"""ComfyUI's core nodes, for headless runs."""
