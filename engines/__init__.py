"""Everything that computes. Never imports ComfyUI, `nodes` or `workflows`."""
