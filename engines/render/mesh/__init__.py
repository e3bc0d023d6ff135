"""Meshes: read, placed before a camera, rasterised in batches, shaded, and drawn as controls."""
