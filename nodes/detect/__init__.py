"""Nodes that find, draw, save and judge objects, and train what finds them."""

CATEGORY = "Kinograph/objects"
