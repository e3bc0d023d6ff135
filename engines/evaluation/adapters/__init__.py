"""What finds objects in pictures, each with `predict(records)`: files and networks.

A record has the member `image`, a path, and perhaps `intrinsics`; the result has an entry per
record, in order, as files of predictions hold them. Importing a module here that needs no network
imports no PyTorch.
"""
