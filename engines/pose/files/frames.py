"""What documents with an object per frame have in common: the frames, and their canvas."""

from collections.abc import Sequence

from ...document import Value


def entries_of(document: Value) -> list[Value]:
    """Return the frames of a document: a list of objects, or a single one."""
    if isinstance(document.raw, dict):
        return [document]
    return list(document.entries("a list with one object per frame"))


def canvas_of(
    document: Value,
    entries: Sequence[Value],
    canvas: tuple[int, int] | None,
    names: tuple[str, str] = ("canvas_height", "canvas_width"),
) -> tuple[int, int]:
    """Return height and width of the frames: as they say, else `canvas`.

    names: the keys of height and width

    Raises `InputError` where frames differ, name one side only, or nobody says.
    """
    sizes: dict[tuple[int, int], Value] = {}
    for entry in entries:
        if any(entry.member(name) is not None for name in names):
            height, width = (entry.needed(name).whole(1, 2**24) for name in names)
            sizes.setdefault((height, width), entry)
    if len(sizes) > 1:
        one, other = list(sizes)[:2]
        raise sizes[other].wrong(
            f"the canvas {one[1]}x{one[0]} of the frames before", f"{other[1]}x{other[0]}"
        )
    stated = next(iter(sizes), canvas)
    if stated is None:
        raise document.wrong(f"{' and '.join(names)}, or a canvas given with the file", "neither")
    return stated
