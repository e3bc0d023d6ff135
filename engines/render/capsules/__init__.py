"""Capsules in space, seen by a camera: for pictures of skeletons in 3D."""
