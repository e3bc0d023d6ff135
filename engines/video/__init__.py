"""Reading and writing moving pictures, by PyAV (FFmpeg)."""
