"""One clip in, one file out, by a shared graph: what `pose`, `flow` and `vace` have in common."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..graph.shipped import shared_graph
from .arguments import add_device, add_reading, add_set, count, input_folders, reading_of

_TENSOR = ".safetensors"


def add_clip(parser: argparse.ArgumentParser) -> None:
    """Add CLIP, -o, --chunk, --device, --set, and the arguments of reading videos."""
    parser.add_argument("clip", metavar="CLIP", help="a video, or a folder or pattern of pictures")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="what is written, and replaced if it is there; default: CLIP's name and that of the "
        "command, in the working folder",
    )
    parser.add_argument(
        "--chunk",
        type=count,
        default=0,
        metavar="N",
        help="process N frames at a time, for videos of any length",
    )
    add_device(parser)
    add_set(parser)
    add_reading(parser)


def target_of(arguments: argparse.Namespace, name: str, suffixes: Sequence[str]) -> Path:
    """Return the file to write. Raises `InputError` for another kind of file, and for the clip."""
    from ...engines.errors import InputError

    target: Path | None = arguments.output
    if target is None:
        stem = Path(arguments.clip).stem.replace("%", "") or "clip"
        target = Path(f"{stem}_{name}{suffixes[0]}")
    if target.suffix.lower() not in suffixes:
        raise InputError(
            f"--output {target}: expected a name that ends in {' or '.join(suffixes)}, found "
            f"{target.suffix or 'no ending'}"
        )
    if target.resolve() == Path(arguments.clip).resolve():
        raise InputError(f"--output {target}: is the clip itself; give another name")
    return target


def run_shorthand(
    arguments: argparse.Namespace, graph: str, output: str, target: Path, values: Sequence[str]
) -> int:
    """Run the part of a shared graph that one of its outputs needs, and write `target`.

    graph:  the name of the shared graph
    output: the title of the node that saves
    values: NODE.INPUT=VALUE, before those of --set
    """
    from ...engines.errors import GraphError, InputError, MediaError
    from ...nodes.standin import host
    from ..execution.run_graph import run_graph
    from ..graph.assign import with_values
    from ..graph.catalogue import catalogue
    from ..graph.load import load_graph
    from ..graph.only import chosen_outputs
    from .terminal import Bars

    clip = Path(arguments.clip)
    nodes = catalogue()
    path = shared_graph(graph)
    every = [
        f"Load Video.file={clip.resolve() if clip.exists() else clip}",
        f"{output}.filename_prefix=made",
        *values,
        *arguments.set,
    ]
    loaded = with_values(load_graph(path), every, nodes)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=target.parent, prefix=".kinograph-")
    except OSError as error:
        raise InputError(
            f"--output {target}: cannot be written ({error.strerror}); choose another folder"
        ) from error
    with folder as name:
        settings = host.Settings(
            output=Path(name),
            inputs=input_folders(path),
            device=arguments.device,
            reading=reading_of(arguments),
        )
        with Bars() as bars:
            report = run_graph(
                loaded,
                settings,
                nodes=nodes,
                chunk=arguments.chunk,
                progress=bars.start,
                only=chosen_outputs(loaded, [output], nodes),
            )
        for warning in report.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        if not report.ok:
            raise GraphError("\n".join(report.errors)) from report.failure
        try:
            report.files[0].replace(target)
        except OSError as error:
            raise MediaError(f"{target}: cannot be written ({error.strerror})") from error
    print(target)
    return 0
