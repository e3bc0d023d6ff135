"""A graph on a stream, as it comes."""
