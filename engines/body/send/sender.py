"""`Sender`: bodies of successive frames to a receiver."""

import math
from collections.abc import Callable, Sequence

import torch

from ...errors import InputError
from ..bodies import Bodies
from ..rig import Rig
from . import protocol_named
from .address import Address
from .link import Counts, Link
from .protocol import Frame, Options


class Sender:
    """Sends bodies without ever holding up the run; see `Link`."""

    def __init__(
        self,
        protocol: str,
        address: str,
        rig: Rig,
        say: Callable[[str], object],
        options: Options | None = None,
        *,
        first: int = 0,
    ) -> None:
        """Begin to send.

        protocol: one of `PROTOCOLS`
        address:  HOST:PORT; what is left out is this machine and the protocol's own port
        rig:      of the bodies
        say:      called with a sentence when a receiver comes, goes or is slow; on another thread
        first:    number of the first frame

        Raises `InputError` for an unknown protocol, an address that is none, and a rig that the
        protocol cannot carry. A receiver that is not there is no error.
        """
        chosen = protocol_named(protocol)
        place = Address.parse(address, chosen.port)
        asked = options or Options()
        chosen.session(rig, asked)  # says now what it cannot do
        self._rig, self._say = rig, say
        self._number = first
        self._said_broken = False
        self._link = Link(
            chosen.name, place, chosen.transport, lambda: chosen.session(rig, asked), say
        )

    def send(self, bodies: Bodies, times: Sequence[float]) -> None:
        """Send the bodies of successive frames, and return at once.

        times: s, when each frame was captured

        Bodies whose numbers are NaN or infinite are left out, and this is said once. Raises
        `InputError` for bodies of another rig and for times that do not fit.
        """
        if bodies.rig != self._rig.name:
            raise InputError(f"bodies: expected the rig {self._rig.name}, found {bodies.rig}")
        if len(times) != len(bodies):
            raise InputError(f"times: expected {len(bodies)}, one per frame, found {len(times)}")
        if not all(math.isfinite(time) for time in times):
            raise InputError("times: expected finite numbers of seconds, found NaN or infinity")
        here = self._finite(bodies.to("cpu"))
        for frame, time in enumerate(times):
            one = here.slice(frame, frame + 1)
            self._link.send(Frame(self._number, float(time), one))
            self._number += 1

    def wait(self, seconds: float) -> bool:
        """Wait until a frame that is sent now is not dropped; see `Link.wait`."""
        return self._link.wait(seconds)

    @property
    def counts(self) -> Counts:
        """How many frames were sent and dropped so far."""
        return self._link.counts

    def close(self, wait: float = 1.0) -> Counts:
        """End the connection; see `Link.close`."""
        return self._link.close(wait)

    def _finite(self, bodies: Bodies) -> Bodies:
        whole = torch.ones_like(bodies.present)
        for values in (bodies.rotation, bodies.translation, bodies.shape, bodies.confidence):
            whole &= values.isfinite().flatten(2).all(-1)
        keep = bodies.present & whole
        if torch.equal(keep, bodies.present):
            return bodies
        if not self._said_broken:
            self._said_broken = True
            frame, body = (bodies.present & ~whole).nonzero()[0].tolist()
            self._say(
                f"frame {self._number + frame}, body {body}: NaN or infinity; such bodies are not "
                "sent. Check what estimated it"
            )
        return bodies.kept(keep)
