"""Upload files to a ComfyUI, and download what it saves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from ...engines.files import atomic_write, first_there, sha256_of
from ...nodes.standin.io import InputSpec, Schema, UploadType
from ...nodes.standin.prefix import pattern_of
from ..graph.model import Graph, Node
from .link import Connection, ServerError, client_library

FOLDER = "kinograph"  # in the server's input folder


async def with_uploads(
    graph: Graph,
    definitions: Mapping[str, Schema],
    folders: Sequence[Path],
    connection: Connection,
) -> Graph:
    """Upload the files that the graph names and that exist here; return the graph with new names.

    folders: where to look for the files

    The new names contain a hash of the content, so that nothing is overwritten or uploaded twice.
    """
    nodes = dict(graph.nodes)
    uploaded: dict[Path, str] = {}
    for node in graph.nodes.values():
        for name, path in _local_files(node, definitions.get(node.class_type), folders):
            if path not in uploaded:
                uploaded[path] = await _upload(path, connection)
            before = nodes[node.id]
            nodes[node.id] = replace(before, inputs={**before.inputs, name: uploaded[path]})
    return replace(graph, nodes=nodes)


def _local_files(
    node: Node, schema: Schema | None, folders: Sequence[Path]
) -> Iterator[tuple[str, Path]]:
    for spec in schema.inputs if schema else ():
        value = node.inputs.get(spec.id)
        if not isinstance(value, str) or not _takes_file(node, spec):
            continue
        if path := first_there(value, folders, Path.is_file):
            yield spec.id, path.resolve()


def _takes_file(node: Node, spec: InputSpec) -> bool:
    """Return whether an input names a file: it has an upload button, or the node is ours."""
    if node.class_type.startswith("Kinograph"):
        return spec.id == "file"
    return spec.io_type == "COMBO" and any(spec.widget.get(kind.value) for kind in UploadType)


async def _upload(path: Path, connection: Connection) -> str:
    """Upload a file unless the server has it; return its name in the server's input folder."""
    # Only ASCII: others are encoded in different ways along the route.
    stem, suffix = (re.sub(r"[^A-Za-z0-9.-]", "_", part) for part in (path.stem, path.suffix))
    name = f"{stem[:60]}_{sha256_of(path)[:32]}{suffix}"
    query = {"filename": name, "subfolder": FOLDER, "type": "input"}
    async with connection.request("HEAD", "/view", params=query, refusals=range(400, 500)) as known:
        if known.status == 200 and known.content_length == path.stat().st_size:
            return f"{FOLDER}/{name}"
    form = client_library().FormData()
    form.add_field("subfolder", FOLDER)
    form.add_field("type", "input")
    with path.open("rb") as file:
        form.add_field("image", file, filename=name, content_type="application/octet-stream")
        async with connection.request("POST", "/upload/image", data=form) as response:
            stored = await connection.decoded(response, "/upload/image")
    folder = stored.get("subfolder", "")
    return f"{folder}/{stored['name']}" if folder else str(stored["name"])


def saved_by(node: Node | None, shown: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the files that a node has saved in the server's output folder: (folder, name) each.

    ComfyUI's nodes list them. Ours display a path on the server, whose last folders are those of
    the prefix.
    """
    listed = [item for items in shown.values() if isinstance(items, list) for item in items]
    files = [
        (str(item.get("subfolder", "")), str(item["filename"]))
        for item in listed
        if isinstance(item, dict) and "filename" in item and item.get("type") == "output"
    ]
    prefix = node.inputs.get("filename_prefix") if node else None
    if node and node.class_type.startswith("Kinograph") and isinstance(prefix, str):
        deep = len(PurePosixPath(prefix.replace("\\", "/")).parts) - 1
        stem = pattern_of(PurePosixPath(prefix.replace("\\", "/")).name)
        for line in "\n".join(map(str, shown.get("text", ()))).splitlines():
            path = PurePosixPath(line.replace("\\", "/"))
            if re.fullmatch(rf"{stem}_\d+_\.\w+", path.name) and len(path.parts) > deep:
                folder = "/".join(path.parent.parts[-deep:]) if deep else ""
                files.append((folder, path.name))
    return list(dict.fromkeys(files))


async def fetch(folder: str, name: str, output: Path, connection: Connection) -> Path:
    """Download a file of the server's output folder into ours, without overwriting files.

    Raises `ServerError` for a name that leads out of the folder.
    """
    root = output.resolve()
    try:
        wanted = (root / folder / name).resolve()
        wanted.exists()
    except (OSError, ValueError) as error:
        raise ServerError(
            f"{connection.url}: a file's name cannot be used here: {name[:80]!r}"
        ) from error
    if not wanted.is_relative_to(root) or wanted == root:
        raise ServerError(f"{connection.url}: a file's name leads out of {root}: {folder}/{name}")
    path, number = wanted, 2
    while path.exists():
        path = wanted.with_name(f"{wanted.stem} ({number}){wanted.suffix}")
        number += 1
    query = {"filename": name, "subfolder": folder, "type": "output"}
    async with connection.request("GET", "/view", params=query) as response:
        with atomic_write(path) as aside, aside.open("wb") as file:
            async for block in connection.blocks(response):
                file.write(block)
    return path
