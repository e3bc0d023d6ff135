"""The node definitions of a running ComfyUI."""

import asyncio

from ...nodes.standin.io import Schema
from ..graph.editor.nodes import definitions_of
from .link import Connection, Server, ServerError, connected


def server_definitions(server: Server) -> dict[str, Schema]:
    """Return the schemas of a server's nodes, by class.

    Raises `ServerError` if no ComfyUI responds, `InputError` without aiohttp.
    """

    async def ask() -> dict[str, Schema]:
        async with connected(server) as connection:
            return await connection_definitions(connection)

    return asyncio.run(ask())


async def connection_definitions(connection: Connection) -> dict[str, Schema]:
    """Return the same as `server_definitions`, through an existing connection."""
    info = await connection.get("/object_info")
    definitions = definitions_of(info) if isinstance(info, dict) else {}
    if not definitions:
        raise ServerError(f"{connection.url}: responds, but is not a ComfyUI: it lists no nodes")
    return definitions
