"""Nodes that find, change, draw, save and send bodies in 3D."""

CATEGORY = "Kinograph/body"
