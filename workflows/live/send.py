"""Send the bodies of a live run to other programs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...engines.body.send import protocol_named
from ...engines.body.send.address import Address

if TYPE_CHECKING:
    from ...engines.body.bodies import Bodies
    from ...engines.body.send.sender import Sender


@dataclass(frozen=True)
class Receiver:
    """A program that bodies are sent to.

    address: HOST:PORT; what is left out is this machine and the protocol's own port
    pickle:  send REMI's payload as a pickle, see `engines.body.send.protocol.Options`

    Raises `InputError` for an unknown protocol and an address that is none.
    """

    protocol: str
    address: str
    pickle: bool = False

    def __post_init__(self) -> None:
        Address.parse(self.address, protocol_named(self.protocol).port)

    @property
    def label(self) -> str:
        """The receiver as messages name it."""
        return f"{self.protocol} {Address.parse(self.address, protocol_named(self.protocol).port)}"


class Senders:
    """Sends what comes to all receivers, from the first bodies on; it never holds up the run.

    say: called with messages, on other threads
    """

    def __init__(self, receivers: Sequence[Receiver], say: Callable[[str], None]) -> None:
        self._receivers = tuple(receivers)
        self._say = say
        self._open: list[Sender] = []
        self._rig = ""
        self._start: float | None = None
        self._sent = [[0, 0] for _ in receivers]

    def send(self, captured: Sequence[float], bodies: "Bodies") -> None:
        """Send the bodies of successive frames, on the CPU.

        captured: when each frame was captured, in s; receivers get the time since the first one

        Raises `InputError` for bodies of a rig that a protocol cannot carry.
        """
        if self._rig != bodies.rig:
            self._begin(bodies.rig)
        self._start = captured[0] if self._start is None else self._start
        for sender in self._open:
            sender.send(bodies, [at - self._start for at in captured])

    def _begin(self, rig: str) -> None:
        from ...engines.body.rig import rig_named
        from ...engines.body.send.protocol import Options
        from ...engines.body.send.sender import Sender

        self.close()
        self._rig = rig
        self._open = [
            Sender(one.protocol, one.address, rig_named(rig), self._say, Options(one.pickle))
            for one in self._receivers
        ]

    def close(self) -> None:
        """End the connections."""
        for sender, sent in zip(self._open, self._sent, strict=False):
            counts = sender.close()
            sent[0] += counts.sent
            sent[1] += counts.dropped
        self._open = []

    def as_list(self) -> list[dict[str, Any]]:
        """Return how many frames each receiver was sent and missed, after `close`."""
        return [
            {"receiver": one.label, "sent": sent, "dropped": dropped}
            for one, (sent, dropped) in zip(self._receivers, self._sent, strict=True)
        ]
