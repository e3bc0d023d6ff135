"""Data sets on disk, and synthetic ones."""
