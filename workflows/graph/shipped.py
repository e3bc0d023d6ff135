"""The graphs and media that are shipped with Kinograph."""

from pathlib import Path

_WORKFLOWS = Path(__file__).parents[1]

MEDIA = _WORKFLOWS / "media"  # the folder of the files that the shared graphs name


def shared_graph(name: str) -> Path:
    """Return the path of a shared graph in API format."""
    return _WORKFLOWS / "api" / f"{name}.json"


DEMO_GRAPH = shared_graph("pose_to_vace")


def demo_clip() -> Path:
    """Return the path of the shipped clip of people."""
    return MEDIA / "kinograph_two_people.mp4"
