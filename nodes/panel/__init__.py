"""What the editor's panel of engines asks of the server."""
