"""Blocking work of a web server: one piece at a time, with a time limit."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from ...engines.errors import KinographError

T = TypeVar("T")


class TooSlowError(KinographError):
    """The work did not end, or did not begin, within the time limit."""


class Turns:
    """Runs functions in separate threads, one after the other.

    A folder on a disk that does not respond therefore holds up a single thread, and none of those
    that the server itself needs.

    limit: seconds until a caller gives up; the function goes on, and the others wait for it
    what:  what is waited for, in messages
    """

    def __init__(self, limit: float, what: str):
        self._limit = limit
        self._what = what
        self._last: Future[None] | None = None  # done when the function that ran last has ended

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns. Raises what it raises, and `TooSlowError`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._limit
        while self._last is not None and not self._last.done():
            await self._wait(self._last, until - loop.time())
        ended: Future[None] = Future()
        result: Future[T] = Future()
        self._last = ended

        def body() -> None:
            try:
                result.set_result(work())
            except BaseException as error:  # raised by the caller
                result.set_exception(error)
            finally:
                ended.set_result(None)

        here = contextvars.copy_context()
        threading.Thread(target=here.run, args=(body,), name="kinograph-panel", daemon=True).start()
        await self._wait(ended, until - loop.time())
        return result.result()

    async def _wait(self, future: "Future[None]", seconds: float) -> None:
        done, _ = await asyncio.wait({asyncio.wrap_future(future)}, timeout=max(0.0, seconds))
        if not done:
            raise TooSlowError(
                f"{self._what} has not responded for {self._limit:g} s; check the disk that it is "
                "on, then try again"
            )
