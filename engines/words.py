"""Write counts for people to read."""


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: `counted(1, "frame")` is "1 frame", 2 gives "2 frames".

    many: the plural, if it is not the singular with an s
    """
    return f"{number} {one if number == 1 else many or one + 's'}"
