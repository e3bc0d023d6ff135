"""The nodes: thin layers between ComfyUI's sockets and widgets and the functions of `engines`.

A room is a package that names a `CATEGORY`; each module of it holds a node, found from the tree.
"""
