"""Motion tracks: points of the picture that are followed through a clip."""
