"""The client's side of a WebSocket (RFC 6455), as far as sending binary messages needs it."""

import base64
import hashlib
import os
import socket
import struct
import time

import numpy as np

from .address import Address
from .transport import CONNECTING, SENDING, Transport, read_away

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # of RFC 6455, 1.3
_BINARY, _CLOSE, _PING, _PONG = 0x2, 0x8, 0x9, 0xA
_LONGEST_ANSWER = 16384  # bytes of headers
_LONGEST_CONTROL = 125  # bytes, RFC 6455, 5.5


class WebSocket(Transport):
    """A connection of one WebSocket. Pings are answered; other messages are thrown away unread."""

    def __init__(self, address: Address) -> None:
        self._socket = socket.create_connection((address.host, address.port), CONNECTING)
        self._unread = b""
        self._skip = 0  # bytes of a message that still come in
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open(address)
            self._socket.settimeout(SENDING)
        except OSError:
            self._socket.close()
            raise

    def _open(self, address: Address) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        asked = (
            f"GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        self._socket.sendall(asked.encode())
        answer, end = b"", time.monotonic() + CONNECTING
        while b"\r\n\r\n" not in answer:
            block = self._socket.recv(4096)
            answer += block
            if not block or len(answer) > _LONGEST_ANSWER or time.monotonic() > end:
                raise ConnectionError("what listens there speaks no WebSocket")
        head, _, self._unread = answer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        said = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        digest = hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()
        expected = base64.b64encode(digest).decode()
        accepted = said.get("sec-websocket-accept") == expected
        if first.split(" ")[1:2] != ["101"] or not accepted:
            raise ConnectionError(f"what listens there speaks no WebSocket ({first[:80]!r})")

    def send(self, data: bytes) -> None:
        self._write(_BINARY, data)

    def _write(self, kind: int, data: bytes) -> None:
        size = len(data)
        if size < 126:
            head = struct.pack(">BB", 0x80 | kind, 0x80 | size)
        elif size < 65536:
            head = struct.pack(">BBH", 0x80 | kind, 0x80 | 126, size)
        else:
            head = struct.pack(">BBQ", 0x80 | kind, 0x80 | 127, size)
        mask = os.urandom(4)
        key = np.frombuffer(mask * (size // 4 + 1), np.uint8)[:size]
        masked = (np.frombuffer(data, np.uint8) ^ key).tobytes()
        self._socket.sendall(head + mask + masked)

    def poll(self) -> None:
        self._unread += read_away(self._socket)
        while self._unread:
            if self._skip:
                gone = min(self._skip, len(self._unread))
                self._unread, self._skip = self._unread[gone:], self._skip - gone
                continue
            if not self._next():
                return

    def _next(self) -> bool:
        """Take the next message, as far as it is there; return whether it was."""
        data = self._unread
        if len(data) < 2:
            return False
        kind, size, start = data[0] & 0x0F, data[1] & 0x7F, 2
        if data[1] & 0x80:
            raise ConnectionError("the receiver masks what it sends, which no server may")
        if size >= 126:
            start = 4 if size == 126 else 10
            if len(data) < start:
                return False
            size = int.from_bytes(data[2:start], "big")
        if kind < _CLOSE:
            self._unread, self._skip = data[start:], size
            return True
        if size > _LONGEST_CONTROL:
            raise ConnectionError("the receiver sends what is no WebSocket")
        if len(data) < start + size:
            return False
        body, self._unread = data[start : start + size], data[start + size :]
        if kind == _CLOSE:
            raise ConnectionError("the receiver closes the connection")
        if kind == _PING:
            self._write(_PONG, body)
        return True

    def close(self) -> None:
        try:
            self._write(_CLOSE, struct.pack(">H", 1000))
        except OSError:  # it is gone already
            pass
        finally:
            self._socket.close()
