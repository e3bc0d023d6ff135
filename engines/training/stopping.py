"""Ending a training between two steps when the system asks for it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Whether somebody asked to end.

    signal: the number of the signal that did; 0: none
    """

    def __init__(self) -> None:
        self.signal = 0
        self._asked = threading.Event()

    def ask(self, signal: int = 0) -> None:
        """Ask to end after the step that is running."""
        self.signal = signal
        self._asked.set()

    def __bool__(self) -> bool:
        return self._asked.is_set()


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Yield a `Stop` that SIGTERM and SIGINT ask, while the body runs; a second SIGINT interrupts.

    Signals reach the main thread only; in another one nothing is changed.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def heard(number: int, frame: FrameType | None) -> None:
        if stop and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.ask(number)

    for number in before:
        signal.signal(number, heard)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
