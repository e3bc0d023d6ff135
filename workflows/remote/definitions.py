"""The node definitions of a running ComfyUI."""

import asyncio

from ...nodes.standin.io import Schema
from ..graph.editor.nodes import definitions_of
from .link import Connection, Server, ServerError, connected


def server_definitions(server: Server) -> dict[str, Schema]:
    """By class name. Raises `ServerError` where no ComfyUI answers, `InputError` without the
    library for it."""

    async def ask() -> dict[str, Schema]:
        async with connected(server) as connection:
            return await connection_definitions(connection)

    return asyncio.run(ask())


async def connection_definitions(connection: Connection) -> dict[str, Schema]:
    """As `server_definitions`, of a connection that there is."""
    info = await connection.get("/object_info")
    definitions = definitions_of(info) if isinstance(info, dict) else {}
    if not definitions:
        raise ServerError(f"{connection.url}: answers, but is not a ComfyUI: it names no node")
    return definitions
