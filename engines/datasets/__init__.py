"""Data sets on disk, and data sets that are made."""
