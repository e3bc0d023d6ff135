"""A stand-in for the part of `comfy_api.latest` that Kinograph's nodes use, for headless runs."""
