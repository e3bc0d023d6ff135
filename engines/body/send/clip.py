"""`ClipSender`: bodies of a clip to a receiver, each frame once, in order, and at its time."""

import time
from collections.abc import Callable

from ..bodies import Bodies
from ..rig import Rig
from .link import Counts
from .protocol import Options
from .sender import Sender

_TRY = 2.5  # s for the first attempt to connect
_PATIENCE = 10.0  # s in all that a clip waits for a receiver that is there and takes nothing
_SLICE = 0.1  # s between calls of `go_on`


class ClipSender:
    """Sends the frames of a clip as a receiver takes them.

    Where nobody is there it waits for nothing, and frames are dropped and counted as by `Sender`.
    """

    def __init__(
        self,
        protocol: str,
        address: str,
        rig: Rig,
        fps: float,
        say: Callable[[str], object],
        options: Options | None = None,
        *,
        real_time: bool = True,
        first: int = 0,
    ) -> None:
        """Begin to send; see `Sender`.

        fps:       frames per second of the clip, above 0
        real_time: whether no frame is sent before its time, from when the first one is sent;
                   otherwise they are sent as fast as the receiver takes them
        first:     number of the first frame, from which its time follows
        """
        self._sender = Sender(protocol, address, rig, say, options, first=first)
        self._fps, self._real_time = fps, real_time
        self._first = self._next = first
        self._begun: float | None = None  # when the first frame was sent
        self._ever = False  # whether anybody was there
        self._left = _PATIENCE

    def send(self, bodies: Bodies, go_on: Callable[[int], object] = lambda frames: None) -> None:
        """Send the bodies of the frames that follow.

        go_on: called often with how many frames were sent since; what it raises ends the sending

        Raises `InputError` as `Sender.send` does.
        """
        for frame in range(len(bodies)):
            self._ever |= self._sender.wait(_TRY) if self._begun is None else self._wait()
            if self._begun is None:
                self._begun = time.monotonic()
            elif self._ever and self._real_time:  # who is gone may come back
                self._until_due(go_on)
            one = bodies.slice(frame, frame + 1)
            self._sender.send(one, [self._next / self._fps])
            self._next += 1
            go_on(1)

    def _wait(self) -> bool:
        """Wait for a receiver that is slower for a moment; return whether it takes a frame."""
        started = time.monotonic()
        takes = self._sender.wait(max(0.0, self._left))
        self._left -= time.monotonic() - started if not takes else 0.0
        return takes

    def _until_due(self, go_on: Callable[[int], object]) -> None:
        assert self._begun is not None  # `send` has set it
        due = self._begun + (self._next - self._first) / self._fps
        while (left := due - time.monotonic()) > 0:
            time.sleep(min(left, _SLICE))
            go_on(0)

    @property
    def frames(self) -> int:
        """How many frames were sent or dropped."""
        return self._next - self._first

    def close(self) -> Counts:
        """End the connection, and return how many frames were sent and dropped."""
        return self._sender.close()
