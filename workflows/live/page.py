"""The page that shows a live run and changes it, for viewers who know the token.

GET /              the page
GET /stream        the pictures, as MJPEG; ?view= is one of `slot.VIEWS`
GET /snapshot.png  the newest picture, in the same views
GET /events        the figures, every second and at the end, as server-sent events
GET /stats         the figures once, as JSON
GET /settings      the settings of the graph
POST /settings     {node, input, value}: change one
POST /record       {on}: start or stop a recording
POST /condition    {condition, text}: say what the scene is like, for the metrics of bodies
POST /measure      record the metrics of the next five seconds
GET /records.csv   these records; ?columns=remi begins with the columns of REMI

Errors of what is posted are {"error": text}.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import logging
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.body.choices import CONDITIONS
from ...engines.errors import InputError, KinographError
from ...nodes.panel.body import json_object
from .controls import Controls
from .figures import Figures
from .slot import VIEWS, Drawn

if TYPE_CHECKING:
    from aiohttp import web

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PAGE = Path(__file__).with_name("page.html")
_BOUNDARY = b"kinograph"
_SEND_BUFFER = 256 << 10  # bytes per viewer; with more, slow viewers would see old frames
_IDLE = 10.0  # seconds until a connection without a whole request is closed
_STUCK = 10.0  # seconds until a viewer who reads nothing is disconnected
_EVERY = 1.0  # seconds between two events
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
    """A web server in a separate thread.

    controls: what viewers may change; None: nothing yet
    say:      called with a message where the server fails

    Every route needs `?token=`. The Host header must be an IP address, localhost or `host`, which
    prevents DNS rebinding. A viewer gets the newest picture whenever it is ready for one, and no
    picture twice.
    """

    def __init__(
        self,
        host: str,
        port: int,
        figures: Figures,
        title: str,
        say: Callable[[str], None] = lambda text: None,
    ):
        self.controls: Controls | None = None
        self._say = say
        self._busy: Counter[Any] = Counter()  # requests that are answered, by connection
        self._idle: dict[Any, float] = {}  # since when each other connection has been idle
        self._sweeper: asyncio.Task[None] | None = None
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
        """Disconnect the viewers and stop the thread."""
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
            line = request.protocol
            self._busy[line] += 1
            try:
                return self._refusal(request) or await handler(request)
            finally:
                self._busy[line] -= 1
                self._idle[line] = time.monotonic()

        app = web.Application(middlewares=[guard])
        app.router.add_get("/", self._page, allow_head=False)
        app.router.add_get("/stream", self._stream, allow_head=False)
        app.router.add_get("/stats", self._stats, allow_head=False)
        app.router.add_get("/snapshot.png", self._snapshot, allow_head=False)
        app.router.add_get("/events", self._events, allow_head=False)
        app.router.add_get("/settings", self._settings, allow_head=False)
        app.router.add_post("/settings", self._answering(lambda c, asked: c.change(asked)))
        app.router.add_post("/record", self._answering(lambda c, asked: c.record(asked)))
        app.router.add_post("/condition", self._answering(lambda c, asked: c.condition(asked)))
        app.router.add_post("/measure", self._answering(lambda c, asked: c.measure(asked)))
        app.router.add_get("/records.csv", self._records, allow_head=False)
        # An access log would contain the token.
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=self._logger(),
            handler_cancellation=True,
            shutdown_timeout=0.5,
        )
        await self._runner.setup()
        self._sweeper = asyncio.ensure_future(self._sweep())
        await web.TCPSite(self._runner, self.host, self._port).start()
        self._port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        self._ending = True
        self._put(None)
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._runner is not None:
            server = self._runner.server
            lines = [line.transport for line in server.connections] if server else []
            await self._runner.cleanup()
            for transport in filter(None, lines):
                transport.abort()  # of viewers who read nothing
            await asyncio.sleep(0)  # lets the transports close

    def _logger(self) -> logging.Logger:
        """Return the server's logger: a line for each of its errors, none for clients' errors."""
        logger = logging.Logger("kinograph.live")
        logger.addHandler(_Failures(self._say))
        return logger

    async def _sweep(self) -> None:
        """Close connections without a request, or with an incomplete one."""
        while True:
            await asyncio.sleep(_IDLE / 4)
            now = time.monotonic()
            there = self._runner.server.connections
            self._busy = Counter({line: self._busy[line] for line in there if self._busy[line]})
            self._idle = {
                line: self._idle.get(line, now) for line in there if line not in self._busy
            }
            for line, since in self._idle.items():
                if now - since > _IDLE:
                    line.force_close()

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
        for name, made in (
            ("conditions", "".join(f"<option>{escape(name)}</option>" for name in CONDITIONS)),
            ("metrics_style", PAGE.with_name("metrics.css").read_text(encoding="utf-8")),
            ("metrics_script", PAGE.with_name("metrics.js").read_text(encoding="utf-8")),
            ("nonce", nonce),
            ("title", escape(self._title)),  # last: it is the user's
        ):
            text = text.replace(f"{{{name}}}", made)
        policy = (
            f"default-src 'none'; img-src 'self' blob: data:; connect-src 'self'; "
            f"style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        headers = {**_HEADERS, "Content-Security-Policy": policy}
        return web.Response(text=text, content_type="text/html", headers=headers)

    def _now(self) -> dict[str, Any]:
        more = {} if self.controls is None else self.controls.now()
        return {**self._figures.now(), "viewers": self.viewers, **more}

    async def _stats(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        return web.json_response(self._now(), headers=_HEADERS)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        headers = {**_HEADERS, "Content-Type": "text/event-stream"}
        response = web.StreamResponse(headers=headers)
        with suppress(ConnectionError):  # the viewer has left
            await response.prepare(request)
            points = 0  # the number of the last that was sent
            while True:
                ending = self._ending
                now = self._now()
                now["points"] = [] if self.controls is None else self.controls.points(points)
                points = now["points"][-1]["n"] if now["points"] else points
                await self._send(response, f"data: {json.dumps(now)}\n\n".encode())
                if ending:
                    break
                until = time.monotonic() + _EVERY
                while not self._ending and (left := until - time.monotonic()) > 0:
                    with suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(self._more.wait(), left)
        return response

    async def _records(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        try:
            if self.controls is None:
                raise InputError("the run has not begun yet; try again")
            compatible = request.query.get("columns") == "remi"
            text = self.controls.table(compatible=compatible)
        except KinographError as error:
            return web.Response(status=404, text=f"{error}\n", headers=_HEADERS)
        name = "kinograph_metrics_remi.csv" if compatible else "kinograph_metrics.csv"
        headers = {**_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
        return web.Response(text=text, content_type="text/csv", headers=headers)

    async def _settings(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        found = {"changes": 0, "nodes": []} if self.controls is None else self.controls.settings()
        return web.json_response(found, headers=_HEADERS)

    def _answering(self, ask: Callable[[Controls, Mapping[str, Any]], dict[str, Any]]) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            from aiohttp import web

            try:
                asked = await json_object(request)
                if self.controls is None:
                    raise InputError("the run has not begun yet; try again")
                found = await self._loop.run_in_executor(None, ask, self.controls, asked)
                return web.json_response(found, headers=_HEADERS)
            except KinographError as error:
                return web.json_response({"error": str(error)}, status=400, headers=_HEADERS)

        return answer

    def _view(self, request: web.Request) -> str:
        view = request.query.get("view", VIEWS[0])
        return view if view in VIEWS else VIEWS[0]

    async def _snapshot(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        drawn = self._newest
        if drawn is None:
            return web.Response(status=503, text="no picture yet\n", headers=_HEADERS)
        data = await self._loop.run_in_executor(None, drawn.png, self._view(request))
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
                await self._send_all(response, self._view(request))
        finally:
            self.viewers -= 1
        return response

    async def _send(self, response: web.StreamResponse, data: bytes) -> None:
        """Send data. Raises `ConnectionError` for a viewer who reads nothing."""
        try:
            await asyncio.wait_for(response.write(data), _STUCK)
        except asyncio.TimeoutError as error:
            raise ConnectionError("the viewer reads nothing") from error

    async def _send_all(self, response: web.StreamResponse, view: str) -> None:
        # A boundary follows each picture at once, as browsers show a picture only when it arrives.
        await self._send(response, b"--" + _BOUNDARY + b"\r\n")
        last: Drawn | None = None
        while not self._ending:
            drawn = self._newest
            if drawn is None or drawn is last:
                await self._more.wait()
                continue
            last = drawn
            data = await self._loop.run_in_executor(None, drawn.jpeg, view)
            head = (
                f"Content-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n"
                f"X-Frame: {drawn.number}\r\n\r\n"
            )
            part = head.encode() + data + b"\r\n--" + _BOUNDARY + b"\r\n"
            await self._send(response, part)
            self._figures.shown(drawn.number)


class _Failures(logging.Handler):
    """Reports defects of the server in a line each, and no requests that are malformed."""

    def __init__(self, say: Callable[[str], None]):
        super().__init__(logging.ERROR)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        from aiohttp.http_exceptions import HttpProcessingError

        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, (HttpProcessingError, ConnectionError)):
            name = type(error).__name__ if error is not None else record.getMessage()
            self._say(f"warning: the page could not answer a request ({name}: {error})")
