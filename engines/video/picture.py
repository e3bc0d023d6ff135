"""Open picture files, whose headers may promise more than there is room for."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from ..errors import MediaError
from ..files import open_regular
from ..memory import shortage

MOST_PIXELS = 2 * 89_478_485
"""Pixels of the largest picture that Pillow decodes, see `Image.MAX_IMAGE_PIXELS`."""

_PIXEL = 16  # bytes of RGBA as float32

# What Pillow's decoders raise for damaged files.
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@contextmanager
def opened_picture(path: Path, *, every_frame: bool = False) -> Iterator[Image.Image]:
    """Open a picture, whose pixels the body of the `with` decodes, and nothing else.

    every_frame: check that all frames of an animation fit into memory, not only one

    Raises `MediaError` for anything but a regular file with an intact picture that is not too
    large, also if the body finds that out.
    """
    try:
        with open_regular(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file) as picture:
                _check(path, picture, every_frame)
                yield picture
    except Image.DecompressionBombError as error:
        raise _too_large(path, f"more than {MOST_PIXELS:,} pixels") from error
    except MemoryError as error:
        raise _too_large(path, "more than fits into memory") from error
    except UnidentifiedImageError as error:
        raise MediaError(f"{path}: is not an image, or is damaged") from error
    except _DAMAGE as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise MediaError(f"{path}: is not an image, or is damaged ({why})") from error


def _check(path: Path, picture: Image.Image, every_frame: bool) -> None:
    """Raise `MediaError` before anything of too large a picture is decoded."""
    if picture.format == "EPS":
        raise MediaError(f"{path}: is PostScript, a program, which is not run; convert it to PNG")
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise _too_large(path, f"{width}x{height} pixels")
    frames = getattr(picture, "n_frames", 1) if every_frame else 1
    if lacking := shortage(frames * width * height * _PIXEL):
        what = f"{frames} frames of {width}x{height}" if frames > 1 else f"{width}x{height} pixels"
        raise _too_large(path, f"{what}, which need {lacking}")


def _too_large(path: Path, found: str) -> MediaError:
    return MediaError(
        f"{path}: expected a picture of at most {MOST_PIXELS:,} pixels that fits into memory, "
        f"found {found}; scale it down first"
    )
