"""Run the coroutines of nodes, also where a program's own event loop runs already."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from inspect import isawaitable
from typing import Any


def finished(value: Any) -> Any:
    """Return what a function of a node returned, or what it awaits if it is async."""
    if not isawaitable(value):
        return value
    with Tasks() as tasks:
        tasks.start("", lambda: value)
        while not tasks.is_done(""):
            tasks.wait()
        return tasks.result("")


class Tasks:
    """Coroutines by name that run, in turns, whenever `advance` or `wait` is called.

    Like ComfyUI's they have one thread, so that two nodes are never between the same two lines of
    code. Leaving the context cancels those that are not done.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    def __enter__(self) -> "Tasks":
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is None:
            return
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        try:
            self._drive(lambda: asyncio.gather(*tasks, return_exceptions=True))
            self._drive(lambda: self._event_loop().shutdown_asyncgens())
        finally:
            self._loop.close()
            self._loop = None
            if self._thread is not None:
                self._thread.shutdown()

    def __contains__(self, name: str) -> bool:
        return name in self._tasks

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, name: str, make: Callable[[], Awaitable[Any]]) -> None:
        """Start a coroutine, in the current context, and run it until it first waits."""
        context = copy_context()

        async def running() -> Any:
            return await make()

        loop = self._event_loop()
        self._tasks[name] = context.run(loop.create_task, running())
        self.advance()

    def is_done(self, name: str) -> bool:
        """Return whether a coroutine has returned or raised."""
        return self._tasks[name].done()

    def result(self, name: str) -> Any:
        """Forget a coroutine that is done; return its result, or raise what it raised."""
        return self._tasks.pop(name).result()

    def advance(self) -> None:
        """Let all coroutines run until they next wait."""
        if self._tasks:
            self._drive(lambda: asyncio.sleep(0))

    def wait(self) -> None:
        """Wait until one of the coroutines is done."""
        tasks = list(self._tasks.values())
        self._drive(lambda: asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED))

    def _event_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop

    def _drive(self, make: Callable[[], Awaitable[Any]]) -> None:
        """Run the event loop until what `make` returns is done."""

        async def awaiting() -> None:
            await make()

        loop = self._event_loop()
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            loop.run_until_complete(awaiting())
            return
        # The loop of the calling program runs in this thread; a thread has one at a time.
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1)
        self._thread.submit(self._in_thread, awaiting).result()

    def _in_thread(self, awaiting: Callable[[], Awaitable[None]]) -> None:
        import torch

        with torch.inference_mode():  # is per thread, not per context
            self._event_loop().run_until_complete(awaiting())
