"""What a user chooses from where masks of people are concerned; importing these names imports
nothing."""

FRONTS = ("size", "lower")  # who is taken to be in front of whom
MODES = ("animation", "replacement")
PICTURES = ("driving", "reference")

# SCAIL-2's, in its order.
PALETTE = ((0, 0, 1), (1, 0, 0), (0, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 0))
COLOURS = ("blue", "red", "green", "magenta", "cyan", "yellow")


def background_of(mode: str, picture: str) -> float:
    """Return how bright the background of SCAIL-2's coloured masks is, 0 or 1."""
    return float((mode == "animation") == (picture == "reference"))
