"""`Labels`: what the numbers of classes and keypoints stand for."""

from dataclasses import dataclass

from ..document import Value
from ..errors import InputError
from ..sequence import state_type
from ..words import enumerated

Bounds = tuple[tuple[float, float, float], tuple[float, float, float]]
"""The least and the greatest x, y, z in m, in the axes of an object."""


@state_type()
@dataclass(frozen=True)
class Labels:
    """Names in the order of their numbers, from 0; () where they are not known.

    classes:   of the kinds of objects
    keypoints: of an object's keypoints
    skeleton:  pairs of keypoints between which a line is drawn
    bounds:    of the shape of each class, None where it is not known; () if none is

    Raises `InputError` for lines between keypoints that there are none of, and for bounds that do
    not fit the classes or hold nothing.
    """

    classes: tuple[str, ...] = ()
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    bounds: tuple[Bounds | None, ...] = ()

    def __post_init__(self) -> None:
        most = len(self.keypoints) - 1
        if any(not 0 <= end <= most for pair in self.skeleton for end in pair):
            raise InputError(
                f"Labels.skeleton: expected pairs of keypoints in 0..{most}, found {self.skeleton}"
            )
        if self.bounds and len(self.bounds) != len(self.classes):
            raise InputError(
                f"Labels.bounds: expected those of {len(self.classes)} classes, found "
                f"{len(self.bounds)}"
            )
        for name, bounds in zip(self.classes, self.bounds, strict=False):
            if bounds is not None and not all(a < b for a, b in zip(*bounds, strict=True)):
                raise InputError(f"Labels.bounds: {name}: expected least below greatest: {bounds}")

    def name(self, number: int) -> str:
        """Return the name of a class, "class N" for one without a name."""
        return self.classes[number] if number < len(self.classes) else f"class {number}"

    def numbers(self, names: str) -> tuple[int, ...]:
        """Return the numbers of classes that are named, separated by commas; () for no names.

        Raises `InputError` for a name that is unknown.
        """
        wanted = [name.strip() for name in names.split(",") if name.strip()]
        known = {name.casefold(): number for number, name in enumerate(self.classes)}
        for name in wanted:
            if name.casefold() not in known:
                there = enumerated(self.classes) if self.classes else "no names at all"
                raise InputError(
                    f"classes: expected names of classes with commas between, found {name[:60]!r}; "
                    f"there are {there}"
                )
        return tuple(dict.fromkeys(known[name.casefold()] for name in wanted))


NO_LABELS = Labels()


def bounds_in(about: Value, classes: int) -> tuple[Bounds | None, ...]:
    """Return the member `bounds` of an object in JSON, as `Labels` has them; () if it has none.

    Raises `InputError` that names the place for another number than `classes`, and for corners that
    are none.
    """
    given = about.member("bounds")
    if given is None:
        return ()
    found = [_corners(entry) for entry in given.entries("a list of bounds")]
    if len(found) != classes:
        raise given.wrong(f"{classes} entries, one per class", str(len(found)))
    return tuple(found)


def _corners(entry: Value) -> Bounds | None:
    if entry.raw is None:
        return None
    ends = [end.numbers(3) for end in entry.entries("the least and the greatest x, y, z")]
    if len(ends) != 2 or not all(a < b for a, b in zip(*ends, strict=True)):
        raise entry.wrong("the least x, y, z below the greatest")
    (x0, y0, z0), (x1, y1, z1) = ends
    return (x0, y0, z0), (x1, y1, z1)
