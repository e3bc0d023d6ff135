"""Nodes that estimate optical flow and ask it what moves."""

CATEGORY = "Kinograph/flow"
