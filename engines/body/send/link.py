"""`Link`: a connection that never holds up whoever sends on it."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ...words import counted
from .address import Address
from .protocol import Frame, Session
from .transport import Tcp, Transport, Udp
from .websocket import WebSocket

_WAITING = 4  # frames that wait for a receiver that is slower for a moment
_IDLE = 0.2  # s between looks at a connection on which nothing is sent
_FIRST_TRY, _LAST_TRY = 0.25, 2.0  # s between attempts to connect; each time twice as long

_TRANSPORTS: dict[str, Callable[[Address], Transport]] = {
    "tcp": Tcp,
    "udp": Udp,
    "websocket": WebSocket,
}


@dataclass(frozen=True)
class Counts:
    """How many frames were sent, and how many were dropped as the receiver was slow or gone."""

    sent: int
    dropped: int


class Link:
    """Sends frames on a thread of its own, at most `_WAITING` of which wait.

    While a receiver is gone, or slower than the frames come, frames are dropped, the oldest first,
    and counted; the link connects again when the receiver is back. `say` is called with a sentence
    each time this changes, on the link's thread.
    """

    def __init__(
        self,
        title: str,
        address: Address,
        transport: str,
        begin: Callable[[], Session],
        say: Callable[[str], object],
    ) -> None:
        """Start. title: what messages call it; begin: returns the session of a new connection."""
        self._name = f"{title} {address}"
        self._address, self._make = address, _TRANSPORTS[transport]
        self._begin, self._say = begin, say
        self._waiting: deque[Frame] = deque()
        self._change = threading.Condition()
        self._sent = self._dropped = 0
        self._since = 0  # frames dropped since the receiver was there
        self._there: bool | None = None  # None: not known yet
        self._connected: bool | None = None  # the same of what frames are written to
        self._said_slow = False
        self._until: float | None = None  # when to stop, if it is to stop
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def send(self, frame: Frame) -> None:
        """Send a frame when the receiver takes it; return at once."""
        slow = False
        with self._change:
            if self._until is None and not self._thread.is_alive():
                raise RuntimeError(f"{self._name}: its thread has ended by the error shown above")
            self._waiting.append(frame)
            while len(self._waiting) > _WAITING:
                self._waiting.popleft()
                self._drop(1)
                slow = self._there is True and not self._said_slow
                self._said_slow |= slow
            self._change.notify_all()
        if slow:
            self._say(f"{self._name}: takes frames slower than they come; some are dropped")

    @property
    def counts(self) -> Counts:
        with self._change:
            return Counts(self._sent, self._dropped)

    def wait(self, seconds: float) -> bool:
        """Wait until a frame that is sent now is not dropped, for at most `seconds`.

        Returns whether that is so. Where nobody is there it does not wait, but for the answer to
        the first attempt to connect.
        """
        with self._change:
            self._change.wait_for(lambda: self._connected is False or self._has_room(), seconds)
            return self._has_room()

    def _has_room(self) -> bool:
        return self._connected is True and len(self._waiting) < _WAITING

    def close(self, wait: float = 1.0) -> Counts:
        """End the connection, after at most `wait` s for the frames that wait; return the counts.

        What then still waits is dropped.
        """
        with self._change:
            self._until = time.monotonic() + wait
            self._change.notify_all()
        self._thread.join(wait + _IDLE)
        with self._change:
            self._drop(len(self._waiting))
            self._waiting.clear()
            return Counts(self._sent, self._dropped)

    def _drop(self, frames: int) -> None:
        self._dropped += frames
        self._since += frames

    def _run(self) -> None:
        pause = _FIRST_TRY
        while not self._ended():
            try:
                transport = self._make(self._address)
            except OSError as error:
                self._away(error)
                self._rest(pause)
                pause = min(2 * pause, _LAST_TRY)
                continue
            try:
                self._frames(transport)
                return
            except OSError as error:
                self._away(error)
                self._rest(_FIRST_TRY)
            finally:
                transport.close()
            pause = _FIRST_TRY

    def _frames(self, transport: Transport) -> None:
        """Send frames until the link is closed."""
        session = self._begin()
        proven = 0
        with self._change:
            self._connected = True
            self._change.notify_all()
        if transport.proof == 0:
            self._arrived()
        while True:
            frame = self._next()
            if frame is None:
                transport.poll()
                if self._ended():
                    return
                continue
            whole = False
            try:
                transport.poll()
                for message in session.encode(frame):
                    transport.send(message)
                whole = True
            finally:
                with self._change:
                    self._sent += whole
                    self._drop(not whole)
            proven += 1
            if proven == transport.proof:
                self._arrived()

    def _next(self) -> Frame | None:
        with self._change:
            if not self._waiting and self._until is None:
                self._change.wait(_IDLE)
            if not self._waiting or self._late():
                return None
            self._change.notify_all()
            return self._waiting.popleft()

    def _late(self) -> bool:
        return self._until is not None and time.monotonic() > self._until

    def _ended(self) -> bool:
        with self._change:
            return self._until is not None and (not self._waiting or self._late())

    def _rest(self, seconds: float) -> None:
        """Wait before the next attempt; frames that come are dropped."""
        end = time.monotonic() + seconds
        with self._change:
            while self._until is None and (left := end - time.monotonic()) > 0:
                self._drop(len(self._waiting))
                self._waiting.clear()
                self._change.wait(left)
            self._drop(len(self._waiting))
            self._waiting.clear()

    def _arrived(self) -> None:
        with self._change:
            before, self._there = self._there, True
            lost, self._since = self._since, 0
            self._said_slow = False
        if before is None:
            self._say(f"{self._name}: sending")
        elif not before:
            self._say(f"{self._name}: is there again; {counted(lost, 'frame')} dropped meanwhile")

    def _away(self, error: OSError) -> None:
        with self._change:
            before, self._there = self._there, False
            self._connected = False
            self._change.notify_all()
        if before is not False:
            what = "no receiver" if before is None else "the receiver is gone"
            why = error.strerror or str(error) or type(error).__name__
            self._say(
                f"{self._name}: {what} ({why}); frames are dropped until it is there, start it at "
                "this address"
            )
