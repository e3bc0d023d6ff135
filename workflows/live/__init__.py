"""Live runs: a graph on a stream, frame by frame."""
