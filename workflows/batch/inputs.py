"""Which files a batch works on, and the input of the graph that takes them."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...engines.errors import GraphError, InputError
from ..graph.model import Graph

VIDEOS = frozenset([".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov"]) | frozenset(
    [".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv"]
)
IMAGES = frozenset([".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"])

# The core nodes that read a file: the input that names it, and what folders hold for it.
_READERS = {"LoadVideo": ("file", VIDEOS), "LoadImage": ("image", IMAGES)}


@dataclass(frozen=True)
class Target:
    """The input of the graph that takes the path of each file.

    kinds: suffixes of the files in a folder that fit it
    """

    node: str
    input: str
    kinds: frozenset[str] = VIDEOS | IMAGES

    def __str__(self) -> str:
        return f"{self.node}.{self.input}"


def find_target(graph: Graph, named: str = "") -> Target:
    """The one Load Video or Load Image of the graph whose result is used, or the `named` one,
    "NODE.INPUT".

    Raises `GraphError` when there is none, or several and none is named; it lists them.
    """
    used = {link.node for node in graph.nodes.values() for _, link in node.links()}
    found = [
        Target(id_, *_READERS[node.class_type])
        for id_, node in graph.nodes.items()
        if node.class_type in _READERS and id_ in used
    ]
    listed = ", ".join(f"{t} ({graph.nodes[t.node].class_type})" for t in found)
    if named:
        return _named_target(graph, named, found, listed)
    if len(found) == 1:
        return found[0]
    if not found:
        raise GraphError(
            f"{graph.source}: there is no Load Video and no Load Image whose result is used; say "
            "with --input NODE.INPUT which input takes the path of a file"
        )
    raise GraphError(
        f"{graph.source}: {len(found)} nodes read a file; say with --input NODE.INPUT which one "
        f"takes the inputs: {listed}"
    )


def _named_target(graph: Graph, named: str, found: list[Target], listed: str) -> Target:
    name, dot, input_ = named.rpartition(".")
    nodes = graph.find(name)
    candidates = f"; nodes that read a file: {listed}" if listed else ""
    if not dot or not input_ or len(nodes) != 1:
        what = "there is no such node"
        if not dot or not input_:
            what = "expected NODE.INPUT, e.g. 1.file"
        elif nodes:
            what = "more than one node is called so; give its id"
        raise GraphError(f"--input {named}: {what} in {graph.source}{candidates}")
    node = nodes[0]
    if input_ not in node.inputs:
        there = ", ".join(node.inputs) or "none"
        raise GraphError(
            f"--input {named}: {node.label} has no input {input_!r}; inputs: {there}{candidates}"
        )
    return next(
        (t for t in found if (t.node, t.input) == (node.id, input_)), Target(node.id, input_)
    )


def bound(graph: Graph, target: Target, path: Path) -> Graph:
    """The graph with the path of a file in its target."""
    node = graph.nodes[target.node]
    node = replace(node, inputs={**node.inputs, target.input: str(path)})
    return replace(graph, nodes={**graph.nodes, target.node: node})


@dataclass
class Found:
    """Absolute paths, each once, in order; and what was left out, in words."""

    paths: list[Path] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def expand(
    arguments: Sequence[str], target: Target, *, output: Path, recursive: bool = False
) -> Found:
    """The files that the arguments name: files, folders (what fits the target, by name), globs,
    and @FILE with one of these a line, relative to the working folder or to FILE's.

    A file that is named but not there is kept: it fails, and the others do not. What lies in a
    folder of `output` is never an input, unless it is named itself.

    Raises `InputError` when nothing is left, and for a list that cannot be read.
    """
    found = Found()
    output = output.resolve()
    for argument in arguments:
        for name in _listed(argument):
            found.paths += _files(name, target.kinds, output, recursive, found.remarks)
    found.paths = list(dict.fromkeys(_absolute(p) for p in found.paths))
    if not found.paths:
        raise InputError(
            "no inputs: " + ("; ".join(found.remarks) or "the list is empty") + "; give videos or "
            "images, folders of them, globs, or @list.txt"
        )
    return found


def _absolute(path: Path) -> Path:
    """The same from every working folder; a link keeps its own name."""
    return path.parent.resolve() / path.name


def _listed(argument: str) -> Iterator[str]:
    if not argument.startswith("@") or Path(argument).exists():
        yield argument
        return
    path = Path(argument[1:])
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{argument}: expected a text file with a path a line, but it cannot be read: {error}"
        ) from error
    for line in map(str.strip, lines):
        if not line or line.startswith("#"):
            continue
        beside = path.parent / line
        yield str(beside) if not Path(line).exists() and _matches(str(beside)) else line


def _matches(name: str) -> bool:
    return Path(name).exists() or (glob.has_magic(name) and bool(_glob(name)))


def _glob(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207 -- Path's takes no absolute pattern


def _files(
    name: str, kinds: Collection[str], output: Path, recursive: bool, remarks: list[str]
) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        return _in_folder(path, kinds, output, recursive, remarks)
    if path.exists() or not glob.has_magic(name):
        return [path]
    hits = sorted(Path(p) for p in _glob(name))
    files = [p for p in hits if p.is_file() and not _made_by_us(p, output)]
    if not files:
        remarks.append(f"{name}: matches no file")
    elif len(files) < sum(p.is_file() for p in hits):
        remarks.append(f"{name}: files in folders of {output} are left out: they are outputs")
    return files


def _in_folder(
    folder: Path, kinds: Collection[str], output: Path, recursive: bool, remarks: list[str]
) -> list[Path]:
    found: list[Path] = []
    others = 0
    # A folder of outputs is an input only when it is named itself.
    named = _made_by_us(folder / "x", output)
    for where, folders, names in os.walk(folder):
        here = Path(where)
        folders[:] = sorted(f for f in folders if recursive and not f.startswith("."))
        if not named:
            folders[:] = [f for f in folders if not _made_by_us(here / f / "x", output)]
        for name in sorted(names):
            suffix = Path(name).suffix.lower()
            if name.startswith(".") or suffix not in VIDEOS | IMAGES:
                continue
            others += suffix not in kinds
            if suffix in kinds:
                found.append(here / name)
    if others:
        what = "images" if ".mp4" in kinds else "videos"
        remarks.append(f"{folder}: {others} {what} left out, as the graph's input takes none")
    if not found:
        hint = "" if recursive else " (--recursive looks in its folders, too)"
        remarks.append(f"{folder}: no file in this folder fits{hint}")
    return found


def _made_by_us(path: Path, output: Path) -> bool:
    """Whether a file lies in a folder of the output folder."""
    absolute = _absolute(path)
    return absolute.is_relative_to(output) and absolute.parent != output
