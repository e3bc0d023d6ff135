"""A judgement as one HTML file that needs nothing beside it: figures, curves, the worst images."""
