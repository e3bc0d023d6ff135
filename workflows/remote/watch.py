"""Follow one graph on a ComfyUI through its websocket: progress, times, the end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .link import client_library

if TYPE_CHECKING:
    import aiohttp

    from ..execution.outcome import Progress

_SILENCE = 15.0  # seconds without a message, after which the queue is checked
_ENDS = ("execution_success", "execution_error", "execution_interrupted")


class Watch:
    """The state of one graph, from the server's messages.

    queued:  the server has accepted the graph
    ended:   no more messages will come
    order:   nodes in the order in which they started
    cached:  nodes whose results were available already
    seconds: run time by node
    blocked: the messages of blockers
    """

    def __init__(self, title: Callable[[str], str], progress: Progress | None):
        self._title, self._progress = title, progress
        self.queued = self.ended = False
        self.order: dict[str, None] = {}
        self.cached: set[str] = set()
        self.seconds: dict[str, float] = {}
        self.blocked: list[str] = []
        self._since: tuple[str, float] | None = None
        self._bar: tuple[str, Callable[[int], None]] | None = None
        self._done = 0
        self._has_states = False

    async def listen(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        id_: str,
        is_queued: Callable[[], Awaitable[bool]],
    ) -> None:
        """Handle messages until the graph has ended or the socket closes.

        id_:       of the graph
        is_queued: called after a while without messages; tells whether the graph is still queued
        """
        kinds = client_library().WSMsgType
        while not self.ended:
            try:
                message = await socket.receive(timeout=_SILENCE)
            except asyncio.TimeoutError:
                if not await is_queued():
                    return
                continue
            if message.type in (kinds.CLOSE, kinds.CLOSING, kinds.CLOSED, kinds.ERROR):
                return
            if message.type == kinds.TEXT:
                with suppress(ValueError, AttributeError):  # not a message of ComfyUI
                    content = json.loads(message.data)
                    if content.get("data", {}).get("prompt_id") == id_:
                        self.handle(str(content.get("type")), content["data"])

    def handle(self, kind: str, data: Mapping[str, Any]) -> None:
        """Handle one message about the graph."""
        if kind == "execution_cached":
            self.cached |= set(data.get("nodes") or ())
        elif kind == "executing":
            self._begin(data.get("display_node") or data.get("node"))
        elif kind == "progress_state":
            self._has_states = True
            self._show(data.get("nodes") or {})
        elif kind == "progress" and not self._has_states:  # newer servers report the same twice
            self._step(str(data.get("node")), data.get("value", 0), data.get("max", 0))
        elif kind == "execution_error" and data.get("exception_type") == "ExecutionBlocked":
            words = str(data.get("exception_message", "")).removeprefix("Execution Blocked: ")
            self.blocked.append(f"{self._title(str(data.get('node_id')))}: not run: {words}")
        elif kind in _ENDS:
            self._begin(None)
            self.ended = True

    def _begin(self, id_: str | None) -> None:
        now = time.perf_counter()
        if self._since is not None:
            before, since = self._since
            self.seconds[before] = self.seconds.get(before, 0.0) + now - since
        self._since = (id_, now) if id_ else None
        if id_:
            self.order[id_] = None

    def _show(self, nodes: Mapping[str, Mapping[str, Any]]) -> None:
        """Show the progress of one of the running nodes: the same one until it has finished."""
        current = self._bar[0] if self._bar is not None else ""
        shown = nodes.get(current, {})
        if shown:
            self._step(current, shown.get("value", 0), shown.get("max", 0))
        if shown.get("state") != "running":
            for id_, node in nodes.items():
                if node.get("state") == "running" and node.get("max", 0) > 1:
                    title = str(node.get("display_node_id") or id_)
                    self._step(id_, node.get("value", 0), node["max"], title)
                    return

    def _step(self, id_: str, value: float, most: float, shown_as: str = "") -> None:
        """Show the progress of a node; nodes that report none have one step.

        shown_as: the node whose title is shown, default: the node itself
        """
        if self._progress is None or most <= 1:
            return
        if self._bar is None or self._bar[0] != id_ or value < self._done:
            title = self._title(shown_as or id_)
            self._bar, self._done = (id_, self._progress(title, int(most))), 0
        self._bar[1](int(value) - self._done)
        self._done = int(value)
