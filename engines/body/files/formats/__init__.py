"""The formats of files for bodies, one per module; importing them imports nothing heavy."""
