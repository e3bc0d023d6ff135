"""Connect to a ComfyUI over HTTP and its websocket, with errors that say what to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...engines.errors import InputError, KinographError

if TYPE_CHECKING:
    import aiohttp

_TIMEOUT = 60  # seconds without a byte of a response


class ServerError(KinographError):
    """A ComfyUI cannot be reached, rejects a request, or does not respond as expected."""


class ServerGoneError(ServerError):
    """A ComfyUI does not respond at the moment."""


@dataclass(frozen=True)
class Server:
    """The URL of a ComfyUI, without a trailing slash, and headers for every request."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, url: str, headers: Sequence[str] = ()) -> Server:
        """Parse what the user gave.

        url:     "http://HOST:PORT", optionally with a path, or "HOST:PORT"
        headers: "NAME=VALUE" each

        Raises `InputError` for anything else.
        """
        address = url if "://" in url else f"http://{url}"
        try:
            parts = urlsplit(address)
        except ValueError:  # a malformed IPv6 address
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise InputError(f"--server: expected e.g. http://127.0.0.1:8188, found {url!r}")
        parsed = {}
        for header in headers:
            name, equals, value = header.partition("=")
            if not equals or not name.strip() or "\n" in header or "\r" in header:
                raise InputError(f"--header: expected NAME=VALUE, found {name!r}")
            parsed[name.strip()] = value
        return cls(address.partition("#")[0].rstrip("/"), parsed)


def client_library() -> ModuleType:
    """Return aiohttp. Raises `InputError` with the command that installs it."""
    try:
        import aiohttp
    except ImportError as error:
        raise InputError(
            'talking to a ComfyUI needs aiohttp; run: pip install "kinograph[server]"'
        ) from error
    return aiohttp


class Connection:
    """Sends requests to one server. Every error is a `ServerError` that names the server."""

    def __init__(self, server: Server, session: aiohttp.ClientSession):
        self._server, self._session = server, session

    @property
    def url(self) -> str:
        """The URL of the server."""
        return self._server.url

    async def get(self, path: str, **query: str) -> Any:
        """Return the decoded JSON at `path`."""
        async with self.request("GET", path, params=query) as response:
            return await self.decoded(response, path)

    async def post(self, path: str, **values: Any) -> Any:
        """Send a JSON object; return the decoded response, or None for an empty one."""
        async with self.request("POST", path, json=values) as response:
            return await self.decoded(response, path) if await response.read() else None

    @asynccontextmanager
    async def request(
        self, method: str, path: str, *, refusals: Sequence[int] = (), **more: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and yield its response.

        refusals: statuses of 300 and more that are not errors

        Redirects are not followed: they would turn a POST into a GET, and send the headers to
        another host.
        """
        try:
            async with self._session.request(
                method, self.url + path, allow_redirects=False, **more
            ) as response:
                if response.status >= 300 and response.status not in refusals:
                    body = await response.text(errors="replace")
                    raise _refusal(self.url, path, response.status, body)
                yield response
        except _network_errors() as error:
            raise self._gone(error) from error

    async def blocks(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """Yield the bytes of a response in blocks."""
        try:
            async for block in response.content.iter_chunked(1 << 20):
                yield block
        except _network_errors() as error:
            raise self._gone(error) from error

    def _gone(self, error: Exception) -> ServerGoneError:
        return ServerGoneError(
            f"{self.url}: no response ({_words(error)}); check that ComfyUI is running there, and "
            "that the URL is right"
        )

    @asynccontextmanager
    async def socket(self, client: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open the websocket that reports on the graphs of `client`."""
        aiohttp = client_library()
        address = f"{self.url}/ws?clientId={client}"
        try:
            async with self._session.ws_connect(address, heartbeat=20, max_msg_size=0) as socket:
                yield socket
        except (aiohttp.WSServerHandshakeError, *_network_errors()) as error:
            raise ServerGoneError(f"{self.url}: no websocket ({_words(error)})") from error

    async def decoded(self, response: aiohttp.ClientResponse, path: str) -> Any:
        """Return the decoded JSON of a response from `path`."""
        try:
            return json.loads(await response.text(errors="replace"))
        except (ValueError, RecursionError) as error:
            raise ServerError(
                f"{self.url}{path}: expected JSON, found {response.content_type}; "
                "it is not a ComfyUI, or there is a proxy in between"
            ) from error


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Connection]:
    """Open a session with the server. Raises `InputError` without aiohttp."""
    aiohttp = client_library()
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=_TIMEOUT)
    async with aiohttp.ClientSession(headers=server.headers, timeout=timeout) as session:
        yield Connection(server, session)


def _network_errors() -> tuple[type[Exception], ...]:
    aiohttp = client_library()
    return (aiohttp.ClientError, asyncio.TimeoutError, TimeoutError, OSError)


def _words(error: Exception) -> str:
    return str(error) or f"none within {_TIMEOUT} s"


def _refusal(url: str, path: str, status: int, body: str) -> ServerError:
    if status < 400:
        return ServerError(
            f"{url}: redirects elsewhere (status {status}); give --server the final URL"
        )
    if status in (401, 403):
        return ServerError(
            f"{url}: access denied (status {status}); if it needs a password or token, give it "
            "with --header, e.g. --header Authorization='Bearer ...'"
        )
    if status == 413:
        return ServerError(
            f"{url}: the file is larger than the server accepts; start ComfyUI with "
            "--max-upload-size MB, or put the file into its input folder"
        )
    first = next(iter(body.strip().splitlines()), "")[:200]
    kind = ServerGoneError if status in (502, 503, 504) else ServerError
    return kind(f"{url}{path}: responds with status {status}: {first or 'no message'}")
