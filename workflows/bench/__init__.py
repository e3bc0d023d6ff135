"""Benchmarks, one per module: each returns a report that `kinograph bench` prints."""
