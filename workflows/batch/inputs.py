"""Find the files that a batch processes, and the input of the graph that takes them."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...engines.errors import GraphError, InputError
from ...engines.files import read_regular
from ...engines.video.still_files import SUFFIXES, is_clip
from ...engines.words import counted
from ...nodes.standin.io import UploadType
from ..graph.catalogue import catalogue
from ..graph.model import Graph

VIDEOS = frozenset([".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov"]) | frozenset(
    [".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv"]
)
IMAGES = frozenset([".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"])

# By the upload button that the editor shows for an input, the suffixes of the files that fit it.
_UPLOADS = {UploadType.video: VIDEOS, UploadType.image: IMAGES}


@dataclass(frozen=True)
class Target:
    """The input of the graph that takes the path of each file.

    suffixes: of the files in a folder that fit
    """

    node: str
    input: str
    suffixes: frozenset[str] = VIDEOS | IMAGES

    def __str__(self) -> str:
        return f"{self.node}.{self.input}"


def find_target(graph: Graph, named: str = "") -> Target:
    """Return the input that takes the files.

    named: "NODE.INPUT"; default: that of the only Load Video or Load Image whose result is used

    Raises `GraphError` if there is none, or if there are several and none is named; it lists them.
    """
    used = {link.node for node in graph.nodes.values() for _, link in node.links()}
    readers = [
        Target(id_, spec.id, _UPLOADS[spec.widget["upload"]])
        for id_, node in graph.nodes.items()
        if id_ in used and (schema := catalogue().schema(node.class_type)) is not None
        for spec in schema.inputs
        if spec.widget.get("upload") in _UPLOADS
    ]
    listed = ", ".join(f"{t} ({graph.nodes[t.node].class_type})" for t in readers)
    if named:
        return _named_target(graph, named, readers, listed)
    if len(readers) == 1:
        return readers[0]
    if not readers:
        raise GraphError(
            f"{graph.source}: there is no Load Video or Load Image whose result is used; name the "
            "input that takes the path of a file with --input NODE.INPUT"
        )
    raise GraphError(
        f"{graph.source}: {len(readers)} nodes read a file; name the one that takes the inputs "
        f"with --input NODE.INPUT: {listed}"
    )


def _named_target(graph: Graph, named: str, readers: list[Target], listed: str) -> Target:
    name, dot, input_ = named.rpartition(".")
    candidates = f"; nodes that read a file: {listed}" if listed else ""
    if not dot or not input_:
        raise GraphError(
            f"--input {named}: expected NODE.INPUT, e.g. 1.file, in {graph.source}{candidates}"
        )
    node = graph.one(name, f"--input {named}")
    if input_ not in node.inputs:
        names = ", ".join(node.inputs) or "none"
        raise GraphError(
            f"--input {named}: {node.label} has no input {input_!r}; inputs: {names}{candidates}"
        )
    return next(
        (t for t in readers if (t.node, t.input) == (node.id, input_)), Target(node.id, input_)
    )


def bound(graph: Graph, target: Target, path: Path) -> Graph:
    """Return the graph with the path of a file in its target."""
    node = graph.nodes[target.node]
    node = replace(node, inputs={**node.inputs, target.input: str(path)})
    return replace(graph, nodes={**graph.nodes, target.node: node})


@dataclass
class InputFiles:
    """Absolute paths without duplicates, in order, and messages about what was left out."""

    paths: list[Path] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def expand(
    arguments: Sequence[str], target: Target, *, output: Path, recursive: bool = False
) -> InputFiles:
    """Return the files that the arguments name.

    arguments: files, folders (their files that fit the target, by suffix), globs, and @FILE with
               one of these per line, relative to the working folder or to that of FILE. Where a
               video is taken, a folder that holds pictures and no videos is one clip, and so is a
               pattern of pictures such as f_%03d.png
    output:    the output folder; files in its subfolders are not inputs unless named explicitly
    recursive: include subfolders of folders

    A file that is named but does not exist is kept, so that it fails alone. Raises `InputError` if
    no file is left, and for a list that cannot be read.
    """
    files = InputFiles()
    output = output.resolve()
    for argument in arguments:
        for name in _listed(argument):
            files.paths += _files(name, target.suffixes, output, recursive, files.remarks)
    files.paths = list(dict.fromkeys(_absolute(p) for p in files.paths))
    if not files.paths:
        raise InputError(
            "no inputs: " + ("; ".join(files.remarks) or "the list is empty") + "; give videos or "
            "images, folders of them, globs, or @list.txt"
        )
    return files


def _absolute(path: Path) -> Path:
    """Return an absolute path; a symbolic link keeps its own name."""
    return path.parent.resolve() / path.name


def _listed(argument: str) -> Iterator[str]:
    if not argument.startswith("@") or Path(argument).exists():
        yield argument
        return
    path = Path(argument[1:])
    try:
        lines = read_regular(path).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{argument}: expected a text file with one path per line, but it cannot be "
            f"read: {error}"
        ) from error
    for line in map(str.strip, lines):
        if not line or line.startswith("#"):
            continue
        sibling = str(path.parent / line)
        yield sibling if not Path(line).exists() and _matches(sibling) else line


def _matches(name: str) -> bool:
    return Path(name).exists() or (glob.has_magic(name) and bool(_glob(name)))


def _glob(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207 -- Path's takes no absolute pattern


def _files(
    name: str, suffixes: Collection[str], output: Path, recursive: bool, remarks: list[str]
) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        return _in_folder(path, suffixes, output, recursive, remarks)
    if path.exists() or not glob.has_magic(name) or (VIDEOS.issubset(suffixes) and is_clip(path)):
        return [path]
    hits = sorted(Path(p) for p in _glob(name))
    files = [p for p in hits if p.is_file() and not _is_output(p, output)]
    if not files:
        remarks.append(f"{name}: matches no file")
    elif len(files) < sum(p.is_file() for p in hits):
        remarks.append(f"{name}: files in subfolders of {output} are skipped: they are outputs")
    return files


def _in_folder(
    folder: Path, suffixes: Collection[str], output: Path, recursive: bool, remarks: list[str]
) -> list[Path]:
    fitting: list[Path] = []
    others = 0
    clips = suffixes == VIDEOS  # folders of pictures are clips
    # A folder of outputs is an input only if it is named explicitly.
    named = _is_output(folder / "x", output)
    for where, folders, names in os.walk(folder):
        here = Path(where)
        folders[:] = sorted(f for f in folders if recursive and not f.startswith("."))
        if not named:
            folders[:] = [f for f in folders if not _is_output(here / f / "x", output)]
        if clips and _holds_pictures_only(names):
            fitting.append(here)
            continue
        for name in sorted(names):
            suffix = Path(name).suffix.lower()
            if name.startswith(".") or suffix not in VIDEOS | IMAGES:
                continue
            others += suffix not in suffixes
            if suffix in suffixes:
                fitting.append(here / name)
    if others:
        what = "image" if ".mp4" in suffixes else "video"
        remarks.append(
            f"{folder}: {counted(others, what)} skipped, as the graph's input takes none"
        )
    if not fitting:
        hint = "" if recursive else " (--recursive includes subfolders)"
        remarks.append(f"{folder}: no file in this folder fits{hint}")
    return fitting


def _holds_pictures_only(names: Iterable[str]) -> bool:
    """Return whether files of these names are pictures, and none a video or an animation."""
    found = {Path(name).suffix.lower() for name in names if not name.startswith(".")}
    return bool(found & set(SUFFIXES)) and not found & VIDEOS


def _is_output(path: Path, output: Path) -> bool:
    """Return whether a file is in a subfolder of the output folder."""
    absolute = _absolute(path)
    return absolute.is_relative_to(output) and absolute.parent != output
