"""Programs that bodies are sent to: they listen on this machine, at a port that is free."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import WSMsgType, web


def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until something holds, and fail if it never does."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.005)


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(type=kind) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class TcpReceiver:
    """Takes one connection after the other and keeps what comes in."""

    def __init__(self, port: int = 0, *, reads: bool = True, says: bytes = b"") -> None:
        self._listening = socket.create_server(("127.0.0.1", port))
        if not reads:
            self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.port: int = self._listening.getsockname()[1]
        self.data = b""
        self.connections: list[socket.socket] = []
        self._reads, self._says = reads, says
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                one, _ = self._listening.accept()
            except OSError:
                return
            self.connections.append(one)
            if self._says:
                one.sendall(self._says)
            try:
                while self._reads and (block := one.recv(65536)):
                    self.data += block
            except OSError:
                pass

    def __enter__(self) -> "TcpReceiver":
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self.connections:
            one.close()


@contextmanager
def udp_receiver(port: int = 0) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the port, and the datagrams that have come."""
    found: list[bytes] = []
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", port))
        one.settimeout(0.05)
        ends = threading.Event()

        def run() -> None:
            while not ends.is_set():
                try:
                    found.append(one.recv(65536))
                except TimeoutError:
                    continue

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield one.getsockname()[1], found
        finally:
            ends.set()
            thread.join()


@contextmanager
def websocket_receiver(*, ping: bool = False) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the port of a server by aiohttp, and the binary messages that have come."""
    found: list[Any] = []
    port = free_port()
    loop = asyncio.new_event_loop()

    async def handle(request: web.Request) -> web.WebSocketResponse:
        one = web.WebSocketResponse(max_msg_size=0, heartbeat=0.2 if ping else None)
        await one.prepare(request)
        await one.send_bytes(b"\x80\x04nobody reads this" * 5000)
        async for message in one:
            if message.type == WSMsgType.BINARY:
                found.append(message.data)
        return one

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/", handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        return runner

    runner = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield port, found
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
