"""The server side of the editor's engine panel."""
