"""Why an engine runs where it does: typed, and printable as a line."""

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How much a reason matters to whoever asked for an engine."""

    NOTE = "note"  # what was chosen, and why
    LEFT_OUT = "left out"  # known beforehand, such as a backend that is not installed
    STEPPED_DOWN = "stepped down"  # it was expected to work, and did not


@dataclass(frozen=True)
class Reason:
    """One reason on the way to an engine.

    text:     in words
    severity: what kind of reason it is
    left_out: what is not used: the name of a backend, or "on the GPU"; "" if nothing is left out
    cure:     the command that would make it usable; "" if there is none
    """

    text: str
    severity: Severity = Severity.NOTE
    left_out: str = ""
    cure: str = ""

    def __str__(self) -> str:
        return f"not {self.left_out}: {self.text}" if self.left_out else self.text
