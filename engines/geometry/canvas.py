"""The size of a canvas of which one side may be left open."""

from .placement import Size


def sized(canvas: Size, height: int, width: int) -> Size:
    """Return height and width, where a 0 follows from the other side and the shape of `canvas`.

    Both 0: the canvas itself.
    """
    if height and width:
        return height, width
    if width:
        return max(1, round(width * canvas[0] / canvas[1])), width
    if height:
        return height, max(1, round(height * canvas[1] / canvas[0]))
    return canvas
