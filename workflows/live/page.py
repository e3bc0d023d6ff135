"""The page that shows a live run: MJPEG and figures, for viewers who know the token."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import secrets
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from .figures import Figures
from .slot import Drawn

if TYPE_CHECKING:
    from aiohttp import web

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PAGE = Path(__file__).with_name("page.html")
_BOUNDARY = b"kinograph"
_SEND_BUFFER = 256 << 10  # bytes per viewer; with more, slow viewers would see old frames
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the URL has the token
    "X-Content-Type-Options": "nosniff",
}


def check_page() -> None:
    """Raise `InputError` if the page's library is not installed."""
    try:
        import aiohttp  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"the page needs aiohttp ({error}); run: pip install 'kinograph[live]', or use "
            "--no-page"
        ) from error


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Page:
    """A web server in a thread of its own.

    Every route needs `?token=`. The Host header must be an IP address, localhost or `host`, which
    prevents DNS rebinding. A viewer gets the newest picture whenever it is ready for one, and no
    picture twice.
    """

    def __init__(self, host: str, port: int, figures: Figures, title: str):
        self.token = secrets.token_urlsafe(24)
        self.viewers = 0
        self.host = host
        self._port = port
        self._title = title
        self._figures = figures
        self._thread: threading.Thread | None = None
        self._newest: Drawn | None = None
        self._more = asyncio.Event()  # set and replaced with every picture
        self._ending = False
        self._runner: Any = None

    @property
    def url(self) -> str:
        """The URL of the page, with its token."""
        everywhere = self.host in ("0.0.0.0", "::")
        host = socket.gethostname() if everywhere else self.host
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self._port}/?token={self.token}"

    def start(self) -> None:
        """Start serving. Raises `InputError` for an address that cannot be used."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="kinograph-page", daemon=True
        )
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        except OSError as error:
            self.stop()
            raise InputError(
                f"--host {self.host} --port {self._port}: cannot be used "
                f"({error.strerror or error}); choose another port, or 0 for a free one"
            ) from error

    def show(self, drawn: Drawn) -> None:
        """Set the picture that viewers get next. Safe to call from any thread."""
        self._loop.call_soon_threadsafe(self._put, drawn)

    def stop(self) -> None:
        """Disconnect the viewers and end the thread."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        thread.join()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _put(self, drawn: Drawn | None) -> None:
        self._newest = drawn or self._newest
        self._more.set()
        self._more = asyncio.Event()

    async def _open(self) -> None:
        from aiohttp import web

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return self._refusal(request) or await handler(request)

        app = web.Application(middlewares=[guard])
        app.router.add_get("/", self._page, allow_head=False)
        app.router.add_get("/stream", self._stream, allow_head=False)
        app.router.add_get("/stats", self._stats, allow_head=False)
        app.router.add_get("/snapshot.png", self._snapshot, allow_head=False)
        # An access log would contain the token.
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self._port).start()
        self._port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        self._ending = True
        self._put(None)
        if self._runner is not None:
            await self._runner.cleanup()

    # --- access

    def _refusal(self, request: web.Request) -> web.Response | None:
        """Return the response to a request that is not allowed, or None for one that is."""
        from aiohttp import web

        token = request.query.get("token", "").encode("utf-8", "replace")
        if not self._is_allowed(request.headers.get("Host", "")):
            return web.Response(
                status=403, text="this host name is not allowed\n", headers=_HEADERS
            )
        if not hmac.compare_digest(token, self.token.encode()):
            text = "open the URL that kinograph live printed, with its token\n"
            return web.Response(status=403, text=text, headers=_HEADERS)
        return None

    def _is_allowed(self, host: str) -> bool:
        """Return whether a Host header is allowed: the owner of a name could point it here."""
        name = host.rpartition(":")[0] if not host.endswith("]") else host
        name = (name if ":" in host else host).strip("[]").lower()
        if name in {"localhost", self.host.lower(), socket.gethostname().lower()}:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    # --- routes

    async def _page(self, request: web.Request) -> web.StreamResponse:
        from html import escape

        from aiohttp import web

        nonce = secrets.token_urlsafe(16)
        text = PAGE.read_text(encoding="utf-8")
        text = text.replace("{nonce}", nonce).replace("{title}", escape(self._title))
        policy = (
            f"default-src 'none'; img-src 'self' blob: data:; connect-src 'self'; "
            f"style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        headers = {**_HEADERS, "Content-Security-Policy": policy}
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def _stats(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        return web.json_response({**self._figures.now(), "viewers": self.viewers}, headers=_HEADERS)

    async def _snapshot(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        drawn = self._newest
        if drawn is None:
            return web.Response(status=503, text="no picture yet\n", headers=_HEADERS)
        data = await self._loop.run_in_executor(None, drawn.png)
        headers = {**_HEADERS, "X-Frame": str(drawn.number)}
        return web.Response(body=data, content_type="image/png", headers=headers)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        kind = f"multipart/x-mixed-replace; boundary={_BOUNDARY.decode()}"
        response = web.StreamResponse(headers={**_HEADERS, "Content-Type": kind})
        if request.transport is not None:
            line = request.transport.get_extra_info("socket")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self.viewers += 1
        try:
            await response.prepare(request)
            with suppress(ConnectionError):  # the viewer has left
                await self._send_all(response)
        finally:
            self.viewers -= 1
        return response

    async def _send_all(self, response: web.StreamResponse) -> None:
        # A boundary follows each picture at once, as browsers show a picture only when it arrives.
        await response.write(b"--" + _BOUNDARY + b"\r\n")
        last: Drawn | None = None
        while not self._ending:
            drawn = self._newest
            if drawn is None or drawn is last:
                await self._more.wait()
                continue
            last = drawn
            data = await self._loop.run_in_executor(None, drawn.jpeg)
            head = (
                f"Content-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n"
                f"X-Frame: {drawn.number}\r\n\r\n"
            )
            await response.write(head.encode() + data + b"\r\n--" + _BOUNDARY + b"\r\n")
            self._figures.shown(drawn.number)
