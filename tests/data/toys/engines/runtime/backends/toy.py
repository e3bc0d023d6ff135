"""A backend: PyTorch under another name."""

from .torch import Torch


class Toy(Torch):
    """What every machine with a CPU has."""

    name = "toy"
    preference = 1
    devices = ("cpu",)


BACKEND = Toy()
