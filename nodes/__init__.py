"""The nodes: thin layers between ComfyUI's sockets and widgets and the functions of `engines`.

Nodes are found from the tree: each package here that names a `CATEGORY` has one node per module.
"""
