"""Training of networks: the loop, its checkpoints and its records. Nodes never import it."""
