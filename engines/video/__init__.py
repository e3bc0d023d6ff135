"""Read and write videos with PyAV (FFmpeg)."""
