"""Write counts and lists for people to read."""

from collections.abc import Sequence

_NAMED = 6  # of a list: the rest is counted


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: `counted(1, "frame")` is "1 frame", 2 gives "2 frames".

    many: the plural, if it is not the singular with an s
    """
    return f"{number} {one if number == 1 else many or one + 's'}"


def enumerated(names: Sequence[object], count: int | None = None) -> str:
    """Return names as a list in words, the first six of them: "1, 2 and 3", "1, ..., 6 and 9 more".

    count: how many there are in all, if `names` are only the first of them
    """
    shown = [str(name) for name in names[:_NAMED]]
    more = (len(names) if count is None else count) - len(shown)
    shown += [f"{more} more"] if more > 0 else []
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
