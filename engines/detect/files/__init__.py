"""Files of what was detected."""
