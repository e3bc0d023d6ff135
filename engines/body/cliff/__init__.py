"""CLIFF: how a body in a crop is posed, relative to the whole picture that the crop is of."""
