"""Motion tracks as pictures: over the footage, and as a model takes them."""
