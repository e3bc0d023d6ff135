"""Pose networks, one file each."""
