"""The condition of a scene: one of a list, or what a user has typed."""

from ...errors import InputError
from ..choices import CONDITIONS

_CUSTOM = CONDITIONS[-1]
_LONGEST = 80  # characters of a condition of the user's own


def condition_of(choice: str, text: str = "") -> str:
    """Return a condition as records hold it: "Optimal", or "Custom: backlit".

    choice: one of `CONDITIONS`
    text:   what Custom stands for; without one it is "Custom"

    Raises `InputError` for another choice, a text with another choice than Custom, and a text that
    is too long or not one line.
    """
    given = text.strip()
    if given and choice != _CUSTOM:
        raise InputError(f"condition: {choice[:40]} takes no text; choose {_CUSTOM}")
    condition = f"{choice}: {given}" if given else choice
    check_condition(condition)
    return condition


def check_condition(condition: str) -> None:
    """Raise `InputError` for anything that `condition_of` does not return."""
    if condition in CONDITIONS:
        return
    choice, _, text = condition.partition(": ")
    if choice != _CUSTOM or not text:
        raise InputError(
            f"condition: expected one of {', '.join(CONDITIONS)}, found {condition[:40]!r}"
        )
    if len(text) > _LONGEST or not text.isprintable():
        raise InputError(
            f"condition: expected one line of at most {_LONGEST} characters, found {text[:90]!r}"
        )
