"""Nodes that follow points through a clip, for models that take motion tracks or a camera."""

CATEGORY = "Kinograph/tracks"
