"""How large objects are in space, as users state it."""

import torch
from torch import Tensor

from ..errors import InputError
from ..words import enumerated
from .objects import Objects

_EXPECTED = 'three lengths in metres, such as "0.1 0.14 0.2", each line with a class before it'


def bounds_table(objects: Objects, sizes: str) -> Tensor:
    """Return [C,2,3] m, the least and greatest x, y, z of each class that objects have, on their
    device; NaN where they are not known.

    sizes: "X Y Z", the sides of all objects about their origin, or lines of "CLASS X Y Z" for some
           classes; what it leaves open, the objects' labels may know

    Raises `InputError` for anything else.
    """
    labels = objects.labels
    numbers = objects.classes[objects.present]
    most = int(numbers.max()) + 1 if len(numbers) else 0
    table = torch.full((max(most, len(labels.classes), 1), 2, 3), torch.nan)
    for number, bounds in enumerate(labels.bounds):
        if bounds is not None:
            table[number] = torch.tensor(bounds)
    for line in filter(str.strip, sizes.replace(";", "\n").splitlines()):
        *name, x, y, z = ["", "", *line.replace(",", " ").replace(":", " ").split()]
        half = torch.tensor(_lengths(line, (x, y, z))) / 2
        named = " ".join(filter(None, name))
        chosen = slice(None) if not named else _number(named, objects)
        table[chosen] = torch.stack([-half, half])
    return table.to(objects.device)


def _lengths(line: str, words: tuple[str, str, str]) -> list[float]:
    try:
        found = [float(word) for word in words]
    except ValueError:
        found = []
    if len(found) != 3 or not all(0 < length < 1e6 for length in found):
        raise InputError(f"object_size: expected {_EXPECTED}, found {line.strip()[:60]!r}")
    return found


def _number(name: str, objects: Objects) -> int:
    known = {given.casefold(): n for n, given in enumerate(objects.labels.classes)}
    if name.casefold() not in known:
        there = enumerated(objects.labels.classes) if known else "none with a name"
        raise InputError(
            f"object_size: expected the name of a class, found {name[:60]!r}; there are {there}"
        )
    return known[name.casefold()]
