"""The shared graphs, and the code that runs graphs without ComfyUI."""
