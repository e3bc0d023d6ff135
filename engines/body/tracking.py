"""Track bodies from frame to frame by their boxes."""

from typing import ClassVar

from ..tracking.by_boxes import BoxTracker
from .bodies import Bodies


class BodyTracker(BoxTracker[Bodies]):
    """Give the bodies of successive chunks ids that stay with them; see `BoxTracker`."""

    NAME: ClassVar[str] = "bodies"
    FINDER: ClassVar[str] = "Detect Bodies"
