"""Families of shapes, one file each."""

from ....discovery import values_of
from .shape import Shape

SHAPES = tuple(values_of(__name__, "SHAPE", Shape))
