"""Nodes of optical flow."""
