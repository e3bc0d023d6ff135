"""The bodies of requests: JSON objects of bounded size that arrive in bounded time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError

if TYPE_CHECKING:
    from aiohttp import web

_MOST = 1 << 18  # bytes
_PATIENCE = 10.0  # seconds


async def json_object(request: web.Request) -> Mapping[str, Any]:
    """Return the body of a request, which must be a JSON object in UTF-8.

    Raises `InputError` for a body that is something else, is larger than 256 KiB, or does not
    arrive within 10 s.
    """
    if request.content_type != "application/json":
        raise InputError(f"expected application/json, found {request.content_type[:80]}")
    charset = request.charset or "utf-8"
    if charset.lower().replace("-", "") != "utf8":
        raise InputError(f"expected JSON in UTF-8, found the charset {charset[:80]}")
    try:
        data = await asyncio.wait_for(_read(request), _PATIENCE)
    except asyncio.TimeoutError as error:
        raise InputError(
            f"expected a JSON object, which did not arrive in {_PATIENCE:g} s"
        ) from error
    try:
        body = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise InputError(f"expected JSON, found something else: {error}") from error
    if not isinstance(body, dict):
        raise InputError("expected a JSON object, found something else")
    return body


async def _read(request: web.Request) -> bytes:
    data = bytearray()
    async for part in request.content.iter_any():
        data += part
        if len(data) > _MOST:
            raise InputError(f"expected at most {_MOST >> 10} KiB, found more")
    return bytes(data)
