"""Which pictures a folder or a pattern names; nothing of them is read."""

import re
from pathlib import Path

from ..errors import MediaError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")

_LONGEST_NAME = 255  # bytes
_PATTERN = re.compile(r"%(0?)(\d*)d")


def is_stills(path: Path) -> bool:
    """Return whether `path` is a folder, or a pattern with one %d, such as `f_%03d.png`."""
    return path.is_dir() or (_PATTERN.search(path.name) is not None and not path.exists())


def is_clip(path: Path) -> bool:
    """Return whether there is a file, a folder, or a picture of a pattern at `path`."""
    if path.is_file() or path.is_dir():
        return True
    return is_stills(path) and bool(_numbered(path))


def still_paths(path: Path) -> list[Path]:
    """Return the pictures of a folder in natural order (2 before 10), or those of a pattern by
    number. Raises `MediaError` where there are none, and for a gap in the numbers."""
    if path.is_dir():
        found = [p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file()]
        if not found:
            raise MediaError(
                f"{path}: expected pictures ({', '.join(SUFFIXES)}), but there are none in it"
            )
        return sorted(found, key=_natural)
    numbered = _numbered(path)
    if not numbered:
        raise MediaError(f"{path}: there is no picture of this pattern")
    order = sorted(numbered)
    missing = next((n for n in range(order[0], order[-1]) if n not in numbered), None)
    if missing is not None:
        before, digits, after = _parts(path)
        name = f"{before}{missing:0{digits}d}{after}"
        raise MediaError(f"{path}: {name} is missing between {order[0]} and {order[-1]}")
    return [numbered[number] for number in order]


def _parts(path: Path) -> tuple[str, int, str]:
    """Return what stands before and after a pattern's number, and its least digits."""
    match = _PATTERN.search(path.name)
    assert match is not None  # `is_stills`
    digits = min(int(match[2] or 0), _LONGEST_NAME) if match[1] else 0
    return path.name[: match.start()], digits, path.name[match.end() :]


def _numbered(path: Path) -> dict[int, Path]:
    """Return the files of a pattern by their numbers."""
    before, digits, after = _parts(path)
    found: dict[int, Path] = {}
    if path.parent.is_dir():
        for file in path.parent.iterdir():
            number = file.name[len(before) : len(file.name) - len(after)]
            whole = file.name == f"{before}{number}{after}"
            is_number = whole and number.isascii() and number.isdigit()
            if is_number and number == f"{int(number):0{digits}d}":
                found[int(number)] = file
    return found


def _natural(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", path.name.lower())
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]
