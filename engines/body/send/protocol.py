"""What a protocol is that bodies are sent by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..bodies import Bodies
    from ..rig import Rig


@dataclass(frozen=True)
class Frame:
    """The bodies of one frame, on the CPU.

    number: of the frame, counted from 0; time: s, when it was captured; bodies: of one frame
    """

    number: int
    time: float
    bodies: Bodies


@dataclass(frozen=True)
class Options:
    """What users can ask of protocols.

    pickle: send REMI's payload as a pickle, as REMI itself does. Whoever reads a pickle runs what
            is in it: a receiver that takes one takes it from anybody who reaches its port
    track:  whom to send where a protocol has one person; None: who has the highest score, for as
            long as that one is there
    """

    pickle: bool = False
    track: int | None = None


class Session(ABC):
    """What is said on one connection, from its beginning."""

    @abstractmethod
    def encode(self, frame: Frame) -> Iterable[bytes]:
        """Return the messages of a frame."""


@dataclass(frozen=True)
class Protocol:
    """A protocol; a file of `protocols` defines one as `PROTOCOL`.

    port:      that its receivers listen at, unless told otherwise
    transport: tcp, udp or websocket
    session:   begins a connection; raises `InputError` for a rig that the protocol cannot carry
    order:     place among the protocols that a user chooses from
    """

    name: str
    port: int
    transport: str
    session: Callable[[Rig, Options], Session]
    order: int
