"""The nodes: thin layers between ComfyUI's sockets and widgets and the functions of `engines`."""
