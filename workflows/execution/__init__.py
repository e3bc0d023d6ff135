"""Run graphs headless, as ComfyUI does."""
