"""Bodies in 3D."""
