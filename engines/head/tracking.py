"""Track heads from frame to frame by their boxes."""

from typing import ClassVar

from ..tracking.by_boxes import BoxTracker
from .heads import Heads


class HeadTracker(BoxTracker[Heads]):
    """Give the heads of successive chunks ids that stay with them; see `BoxTracker`."""

    NAME: ClassVar[str] = "heads"
    FINDER: ClassVar[str] = "Detect Heads"
