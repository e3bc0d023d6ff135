"""Nodes that estimate optical flow and derive masks and figures from it."""

CATEGORY = "Kinograph/flow"
