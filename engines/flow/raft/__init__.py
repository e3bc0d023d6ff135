"""The parts of RAFT: encoder, correlation, updates and their GPU kernels."""
