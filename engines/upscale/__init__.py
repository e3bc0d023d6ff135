"""Upscaling of frames by networks."""
