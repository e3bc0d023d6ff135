"""The sinks of a graph: one for each node that saves or shows what comes in chunks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...engines.errors import InputError
from ...nodes.standin import host
from ...nodes.standin.prefix import SIZES
from ..core.files import carried_graph
from ..graph.model import Link
from .once import Once
from .pictures import FlowFolder, KeypointFolder, Pictures, VideoFile
from .sinks import FlowFile, JsonList, PosesFile, Sink, VaceFile

_SUFFIXES = {
    "SaveVideo": ".mp4",
    "SaveImage": ".png",
    "KinographSaveKeypoints": ".json",
    "KinographSaveVace": ".safetensors",
}


def suffix_of(class_type: str, form: str) -> str:
    """How what a node saves ends; "" for folders."""
    if class_type == "KinographSavePoses":
        return {"openpose": "", "safetensors": ".safetensors"}.get(form, ".json")
    if class_type == "KinographSaveFlow":
        return ".npz" if form == "npz" else ""
    return _SUFFIXES[class_type]


def saving_nodes(once: Once) -> dict[str, tuple[str, str]]:
    """The nodes that save chunks, with prefix and suffix, in order."""
    layout = once.layout
    found = {}
    for id_ in layout.plan.order:
        values = layout.plan.values[id_]
        running = any(id_ in one.nodes for one in layout.passes)
        if layout.rules[id_].kind != "sink" or not running or "filename_prefix" not in values:
            continue
        prefix = typed(once, id_, "filename_prefix")
        form = typed(once, id_, "form") if "form" in values else ""
        found[id_] = (prefix, suffix_of(once.class_of(id_), form))
    return found


def check_prefixes(once: Once, places: Mapping[str, tuple[str, str]]) -> None:
    """Raise `GraphError` for a prefix with a size in it: no frame is there yet to have one."""
    for id_, (prefix, _) in places.items():
        if used := [word for word in SIZES if word in prefix]:
            with once.named(id_):
                raise InputError(
                    f"filename_prefix: {prefix!r} has {used[0]}, which a run in chunks cannot know "
                    "when it names its files; write the number"
                )


def typed(once: Once, id_: str, name: str) -> str:
    """A text input, typed in or from a node that runs once."""
    value = once.layout.plan.values[id_][name]
    if isinstance(value, Link):
        once.run_up_to(value.node)
        value = once.given[value.node, value.slot]
    return str(value)


def make_sinks(once: Once, paths: Mapping[str, Path]) -> dict[str, Sink]:
    """A sink for each node that saves to one of `paths` or shows."""
    sinks: dict[str, Sink] = {}
    for one in once.layout.passes:
        for id_ in one.nodes:
            if once.layout.rules[id_].kind != "sink":
                continue
            path = paths.get(id_)
            sinks[id_] = Sink() if path is None else _sink(once, id_, path)
    return sinks


def _sink(once: Once, id_: str, path: Path) -> Sink:
    kind = once.class_of(id_)
    values: Mapping[str, Any] = once.layout.plan.values[id_]
    form = typed(once, id_, "form") if "form" in values else ""
    carried = carried_graph(once.hidden)
    if kind == "SaveVideo":
        return VideoFile(path, carried)
    if kind == "SaveImage":
        return Pictures(path, carried)
    if kind == "KinographSaveVace":
        return VaceFile(path)
    if kind == "KinographSaveFlow":
        return FlowFile(path) if form == "npz" else FlowFolder(path, form)
    if form == "openpose":
        return KeypointFolder(path)
    return PosesFile(path) if form == "safetensors" else JsonList(path, form)


def free_path(once: Once, settings: host.Settings, id_: str, prefix: str, suffix: str) -> Path:
    """The next free path, as the node itself would take it. Raises `GraphError` for a prefix that
    leads out of the output folder."""
    with once.named(id_), host.using(settings):
        return host.save_path(prefix, suffix)
