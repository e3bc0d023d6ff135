"""The graphs and media that are shipped with Kinograph."""

from pathlib import Path

_WORKFLOWS = Path(__file__).parents[1]

MEDIA = _WORKFLOWS / "media"  # the folder of the files that the shared graphs name
DEMO_GRAPH = _WORKFLOWS / "api" / "pose_to_vace.json"


def demo_clip() -> Path:
    """Return the path of the shipped clip."""
    return next(MEDIA.glob("*.mp4"))
