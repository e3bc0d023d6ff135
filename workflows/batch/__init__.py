"""One graph over many inputs, here or on a Ray cluster."""
