"""Figures of quality and speed, each in one report envelope."""
