"""Long videos: a graph run chunk by chunk, with the result of the whole."""
