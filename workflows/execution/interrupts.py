"""SIGINT and SIGTERM: the first one is an orderly stop, the second has its usual effect."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def interrupts(act: Callable[[], None]) -> Iterator[list[int]]:
    """Call `act` on the first SIGINT or SIGTERM, after appending its number to the yielded list.

    A second signal has its previous effect. Does nothing outside the main thread, which alone
    receives signals.
    """
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before: dict[int, Any] = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)
        before.clear()

    def first(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        restore()
        act()

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, first)
    try:
        yield caught
    finally:
        restore()
