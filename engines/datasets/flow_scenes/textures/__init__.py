"""Families of textures, one file each."""

from ....discovery import values_of
from .texture import Texture

TEXTURES = tuple(values_of(__name__, "TEXTURE", Texture))
