"""The protocols that bodies are sent by, one per module; importing them imports nothing heavy."""
