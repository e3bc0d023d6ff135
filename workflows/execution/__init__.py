"""Running a graph headless as ComfyUI does."""
