"""Files on their way to a ComfyUI and back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from ...engines.files import first_there, sha256_of, written_aside
from ...nodes.standin.io import InputSpec, Schema, UploadType
from ...nodes.standin.prefix import pattern_of
from ..graph.model import Graph, Node
from .link import Connection, ServerError, client_library

FOLDER = "kinograph"  # within the server's input folder


async def with_uploads(
    graph: Graph,
    definitions: Mapping[str, Schema],
    folders: Sequence[Path],
    connection: Connection,
) -> Graph:
    """The graph with the files that exist here sent to the server, under names that tell their
    content, so that nothing is overwritten and nothing is sent twice."""
    nodes = dict(graph.nodes)
    sent: dict[Path, str] = {}
    for node in graph.nodes.values():
        for name, path in _files_here(node, definitions.get(node.class_type), folders):
            if path not in sent:
                sent[path] = await _upload(path, connection)
            before = nodes[node.id]
            nodes[node.id] = replace(before, inputs={**before.inputs, name: sent[path]})
    return replace(graph, nodes=nodes)


def _files_here(
    node: Node, schema: Schema | None, folders: Sequence[Path]
) -> Iterator[tuple[str, Path]]:
    for spec in schema.inputs if schema else ():
        value = node.inputs.get(spec.id)
        if not isinstance(value, str) or not _takes_files(node, spec):
            continue
        if path := first_there(value, folders, Path.is_file):
            yield spec.id, path.resolve()


def _takes_files(node: Node, spec: InputSpec) -> bool:
    """Whether the editor has an upload button there, or one of our nodes reads a file."""
    if node.class_type.startswith("Kinograph"):
        return spec.id == "file"
    return spec.io_type == "COMBO" and any(spec.widget.get(kind.value) for kind in UploadType)


async def _upload(path: Path, connection: Connection) -> str:
    """Send a file unless it is there; returns its name in the server's input folder."""
    # Plain letters: others are written in one of several ways on their way there.
    stem, suffix = (re.sub(r"[^A-Za-z0-9.-]", "_", part) for part in (path.stem, path.suffix))
    name = f"{stem[:60]}_{sha256_of(path)[:32]}{suffix}"
    query = {"filename": name, "subfolder": FOLDER, "type": "input"}
    async with connection.request("HEAD", "/view", params=query, refusals=range(400, 500)) as there:
        if there.status == 200 and there.content_length == path.stat().st_size:
            return f"{FOLDER}/{name}"
    form = client_library().FormData()
    form.add_field("subfolder", FOLDER)
    form.add_field("type", "input")
    with path.open("rb") as file:
        form.add_field("image", file, filename=name, content_type="application/octet-stream")
        async with connection.request("POST", "/upload/image", data=form) as answer:
            given = await connection.decoded(answer, "/upload/image")
    folder = given.get("subfolder", "")
    return f"{folder}/{given['name']}" if folder else str(given["name"])


def saved_by(node: Node | None, shown: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The files in the server's output folder that a node says it has saved: folder, name.

    ComfyUI's nodes list them; ours say a path of the server, of which as many folders count as the
    prefix has.
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
    """Bring a file of the server's output folder into ours; what is there stays. Raises
    `ServerError` for a name that leads out of the folder."""
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
    async with connection.request("GET", "/view", params=query) as answer:
        with written_aside(path) as aside, aside.open("wb") as file:
            async for block in connection.blocks(answer):
                file.write(block)
    return path
