"""Heads drawn: axes, boxes, wireframes, landmarks, faces for ControlNets, and masks of faces."""
