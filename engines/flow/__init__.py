"""Optical flow: one file a family of networks."""
