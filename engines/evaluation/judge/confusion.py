"""What objects of each class were taken for."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...datasets.records import Record
from .found import Found
from .pairs import matched


def confusion(
    found: Sequence[Found], truths: Sequence[Record], classes: int, threshold: float
) -> NDArray[np.int64]:
    """Return [C+1,C+1]: how often an object of the row's class was found as the column's.

    The last column holds what was missed, the last row detections where nothing is. Only
    detections with a score above `threshold` count.
    """
    table = np.zeros((classes + 1, classes + 1), np.int64)
    for some, truth in zip(found, truths, strict=True):
        sure = some.at(some.scores > threshold)
        place = matched(sure, truth, classes=False).place
        taken_for = np.where(place < 0, classes, np.append(sure.classes, classes)[place])
        np.add.at(table, (truth.classes, taken_for), 1)
        alone = np.delete(sure.classes, place[place >= 0])
        table[classes] += np.bincount(alone, minlength=classes + 1)
    return table
