"""The formats of files for heads, one per module; importing them imports nothing heavy."""
