"""Letters as small pictures, drawn once for each size.

The font that comes with Pillow has the letters of English; accents are left out.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ...errors import InputError

_MISSING = "\uffff"  # in no font
SMALLEST, LARGEST = 6, 400  # px


@dataclass(frozen=True)
class Glyphs:
    """G letters of one size.

    letters: in the order of their numbers; number 0 is nothing and takes no room
    ink:     [G,h,w] 0..1, how much of each pixel a letter covers
    advance: [G] int64 px to the next letter
    """

    letters: str
    ink: Tensor
    advance: Tensor

    def numbers(self, texts: Sequence[str]) -> Tensor:
        """Return texts as numbers of letters [N,L], filled up with 0."""
        most = max(map(len, texts), default=0)
        rows = [[self.letters.find(x) + 1 for x in text.ljust(most, "\0")] for text in texts]
        return torch.tensor(rows, dtype=torch.int64).view(len(texts), most)


@cache
def plain(text: str) -> str:
    """Return a text in letters that the font has, without accents; "" if it has others.

    Raises `InputError` as `glyphs` does.
    """
    text = "".join(x for x in unicodedata.normalize("NFKD", text) if not unicodedata.combining(x))
    font = _font(SMALLEST * 2)
    none = bytes(font.getmask(_MISSING))
    drawn = (x for x in text if x != " ")
    return "" if any(bytes(font.getmask(x)) in (none, b"") for x in drawn) else text


@cache
def glyphs(letters: str, size: int) -> Glyphs:
    """Return letters, each once, which are those of `plain` texts.

    size: height of the font in px

    Raises `InputError` for a size that cannot be drawn, and if Pillow was built without FreeType.
    """
    if not SMALLEST <= size <= LARGEST:
        raise InputError(f"text_size: expected {SMALLEST}..{LARGEST} px, found {size}")
    font = _font(size)
    ascent, descent = font.getmetrics()
    advances = [round(font.getlength(x)) for x in letters]
    wide = max(advances, default=0) + 2
    pictures = [np.zeros((ascent + descent, wide), np.uint8)]
    for letter in letters:
        picture = Image.new("L", (wide, ascent + descent))
        ImageDraw.Draw(picture).text((0, 0), letter, fill=255, font=font)
        pictures.append(np.asarray(picture))
    ink = torch.from_numpy(np.stack(pictures)).float() / 255
    return Glyphs(letters, ink, torch.tensor([0, *advances]))


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise InputError(
            "labels: Pillow was built without FreeType, which draws text; install Pillow from PyPI "
            "(pip install --force-reinstall pillow), or switch labels off"
        )
    return font
