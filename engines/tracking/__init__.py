"""Identities over time, smoothing and gaps, for values of any domain."""
