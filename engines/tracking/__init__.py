"""Association over time, smoothing and gaps."""
