"""Talking to a ComfyUI over HTTP and its websocket, with its errors in words."""

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

_SILENCE = 60  # s without a byte of an answer


class ServerError(KinographError):
    """A ComfyUI that cannot be reached, refuses, or answers what a ComfyUI would not."""


class ServerGoneError(ServerError):
    """A ComfyUI that does not answer now; it may later."""


@dataclass(frozen=True)
class Server:
    """Where a ComfyUI is, without a slash at the end, and headers for every request."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, url: str, headers: Sequence[str] = ()) -> Server:
        """url: "http://HOST:PORT", a path after it if there is one, or "HOST:PORT"; headers:
        "NAME=VALUE"

        Raises `InputError` for anything else.
        """
        address = url if "://" in url else f"http://{url}"
        try:
            parts = urlsplit(address)
        except ValueError:  # an IPv6 address that is none
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise InputError(f"--server: expected e.g. http://127.0.0.1:8188, found {url!r}")
        given = {}
        for header in headers:
            name, equals, value = header.partition("=")
            if not equals or not name.strip() or "\n" in header or "\r" in header:
                raise InputError(f"--header: expected NAME=VALUE, found {name!r}")
            given[name.strip()] = value
        return cls(address.partition("#")[0].rstrip("/"), given)


def client_library() -> ModuleType:
    """Aiohttp. Raises `InputError` with the command that installs it."""
    try:
        import aiohttp
    except ImportError as error:
        raise InputError(
            'talking to a ComfyUI needs aiohttp; run: pip install "kinograph[server]"'
        ) from error
    return aiohttp


class Connection:
    """Requests to one server. Every error is a `ServerError` that names it."""

    def __init__(self, server: Server, session: aiohttp.ClientSession):
        self._server, self._session = server, session

    @property
    def url(self) -> str:
        return self._server.url

    async def get(self, path: str, **query: str) -> Any:
        """The decoded JSON at `path`."""
        async with self.request("GET", path, params=query) as answer:
            return await self.decoded(answer, path)

    async def post(self, path: str, **values: Any) -> Any:
        """Send a JSON object; what JSON comes back, None if none does."""
        async with self.request("POST", path, json=values) as answer:
            return await self.decoded(answer, path) if await answer.read() else None

    @asynccontextmanager
    async def request(
        self, method: str, path: str, *, refusals: Sequence[int] = (), **more: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer; statuses of 300 and more are errors but for `refusals`. A redirect is not
        followed: it would turn a POST into a GET, and take headers to another host."""
        try:
            async with self._session.request(
                method, self.url + path, allow_redirects=False, **more
            ) as answer:
                if answer.status >= 300 and answer.status not in refusals:
                    said = await answer.text(errors="replace")
                    raise _refusal(self.url, path, answer.status, said)
                yield answer
        except _network_errors() as error:
            raise self._gone(error) from error

    async def blocks(self, answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """The bytes of an answer, a block at a time."""
        try:
            async for block in answer.content.iter_chunked(1 << 20):
                yield block
        except _network_errors() as error:
            raise self._gone(error) from error

    def _gone(self, error: Exception) -> ServerGoneError:
        return ServerGoneError(
            f"{self.url}: no answer ({_words(error)}); is ComfyUI running there, and the "
            "address right?"
        )

    @asynccontextmanager
    async def socket(self, client: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """The websocket that tells `client` of its graphs."""
        aiohttp = client_library()
        address = f"{self.url}/ws?clientId={client}"
        try:
            async with self._session.ws_connect(address, heartbeat=20, max_msg_size=0) as socket:
                yield socket
        except (aiohttp.WSServerHandshakeError, *_network_errors()) as error:
            raise ServerGoneError(f"{self.url}: no websocket ({_words(error)})") from error

    async def decoded(self, answer: aiohttp.ClientResponse, path: str) -> Any:
        """The JSON of an answer from `path`."""
        try:
            return json.loads(await answer.text(errors="replace"))
        except (ValueError, RecursionError) as error:
            raise ServerError(
                f"{self.url}{path}: expected JSON, found {answer.content_type}; "
                "it is not a ComfyUI, or something stands between"
            ) from error


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Connection]:
    """A session with the server. Raises `InputError` without the library."""
    aiohttp = client_library()
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=_SILENCE)
    async with aiohttp.ClientSession(headers=server.headers, timeout=timeout) as session:
        yield Connection(server, session)


def _network_errors() -> tuple[type[Exception], ...]:
    aiohttp = client_library()
    return (aiohttp.ClientError, asyncio.TimeoutError, TimeoutError, OSError)


def _words(error: Exception) -> str:
    return str(error) or f"none within {_SILENCE} s"


def _refusal(url: str, path: str, status: int, body: str) -> ServerError:
    if status < 400:
        return ServerError(
            f"{url}: has moved (status {status}); give --server the address that it leads to"
        )
    if status in (401, 403):
        return ServerError(
            f"{url}: refuses us (status {status}); if it wants a password or token, give it "
            "with --header, e.g. --header Authorization='Bearer ...'"
        )
    if status == 413:
        return ServerError(
            f"{url}: the file is larger than it takes; start ComfyUI with --max-upload-size MB, "
            "or put the file into its input folder"
        )
    first = next(iter(body.strip().splitlines()), "")[:200]
    kind = ServerGoneError if status in (502, 503, 504) else ServerError
    return kind(f"{url}{path}: answers with status {status}: {first or 'no words'}")
