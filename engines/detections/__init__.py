"""Boxes with scores and classes, and the networks that find them."""
