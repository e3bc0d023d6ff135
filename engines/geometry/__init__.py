"""Boxes, crops, placements and rotations: from one picture size or pose to another, and back."""
