"""Connections that only send: TCP and UDP. What comes back is read and thrown away."""

import socket
from abc import ABC, abstractmethod

from .address import Address

CONNECTING = 2.0  # s until a receiver has to be there
SENDING = 2.0  # s until a receiver has to take what it is sent
_BLOCK = 65536
_MOST_READS = 16  # at once of what nobody wants, so that a flood does not hold up the frames


class Transport(ABC):
    """A connection. Its methods raise `OSError` when the receiver is gone.

    proof: how many frames have to be sent without an error until a receiver is known to be there
    """

    proof = 0

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Send a message whole."""

    @abstractmethod
    def poll(self) -> None:
        """Throw away what has come in, without waiting."""

    @abstractmethod
    def close(self) -> None:
        """End the connection."""


class Tcp(Transport):
    """A stream. A receiver that says nothing more may still listen, so its end is no error."""

    def __init__(self, address: Address) -> None:
        self._socket = socket.create_connection((address.host, address.port), CONNECTING)
        self._socket.settimeout(SENDING)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def poll(self) -> None:
        read_away(self._socket)

    def close(self) -> None:
        self._socket.close()


class Udp(Transport):
    """Datagrams: whether anybody listens shows only if the system there says that nobody does."""

    proof = 3

    def __init__(self, address: Address) -> None:
        family, kind, number, _, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_DGRAM
        )[0]
        self._socket = socket.socket(family, kind, number)
        try:
            self._socket.settimeout(SENDING)
            self._socket.connect(place)
        except OSError:
            self._socket.close()
            raise

    def send(self, data: bytes) -> None:
        self._socket.send(data)

    def poll(self) -> None:
        read_away(self._socket)

    def close(self) -> None:
        self._socket.close()


def read_away(connection: socket.socket) -> bytes:
    """Return what has come in, 1 MiB at most, without waiting. Raises `OSError` for errors."""
    timeout = connection.gettimeout()
    connection.setblocking(False)
    found = b""
    try:
        for _ in range(_MOST_READS):
            block = connection.recv(_BLOCK)
            if not block:
                break
            found += block
    except BlockingIOError:
        pass
    finally:
        connection.settimeout(timeout)
    return found
