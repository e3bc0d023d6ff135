"""Faces and heads: found, posed in 3D, tracked, smoothed."""
