"""How nodes run on frames that come in chunks: what each node class holds as `STREAMING`."""

from .rule import ONCE, Opens, Refusal, Rule, Saves, Survey, Values, always
from .sinks import Folder, GrowingFiles, Sink
from .steps import Ahead, Behind, Carrying, Look, Outputs, Step

__all__ = [
    "ONCE",
    "Ahead",
    "Behind",
    "Carrying",
    "Folder",
    "GrowingFiles",
    "Look",
    "Opens",
    "Outputs",
    "Refusal",
    "Rule",
    "Saves",
    "Sink",
    "Step",
    "Survey",
    "Values",
    "always",
]
