"""A table of this installation's engines: those on disk and those that are only in memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..files import size_of
from ..models.registry import registry
from .cache import Artifact, EngineCache
from .engine import Engine, living
from .usage import latency_of


@dataclass(frozen=True)
class Row:
    """One engine.

    name:      cache name, or model-precision-backend-device if it keeps no file
    on_disk:   whether there is a file
    model:     name in the registry, or FAMILY:FILE
    title:     the model's
    card:      what it was built for or runs on
    sizes:     smallest and largest longer side, px; None: any
    max_batch: images per call; 0: any
    bytes:     of the file
    created:   UTC, ISO 8601; "" if unknown
    damaged:   why it cannot be used; "" if its file has the right size
    parity:    verdict of the comparison with the reference; "" if there was none yet
    loaded:    whether it is in this process's memory
    ms:        milliseconds of the median of the recent calls in this process; None: there were none
    images:    in such a call
    """

    name: str
    on_disk: bool
    model: str
    title: str
    backend: str
    precision: str
    card: str
    sizes: tuple[int, int] | None
    max_batch: int
    bytes: int
    created: str
    damaged: str
    parity: str
    loaded: bool
    ms: float | None
    images: int


def inventory(cache: EngineCache) -> list[Row]:
    """Return the engines in the cache's folder, by their sidecars, and those in memory only.

    No engine is read or run; `upkeep.verified` does that.
    """
    engines = living()
    files = [
        _of_file(artifact, [e for e in engines if e.artifact == artifact.path])
        for artifact in cache.entries(whole=False)
    ]
    return [*files, *_of_memory(engines)]


def _of_file(artifact: Artifact, engines: list[Engine]) -> Row:
    request = artifact.sidecar.get("request")
    request = request if isinstance(request, Mapping) else {}
    checked = artifact.sidecar.get("checked")
    checked = checked if isinstance(checked, Mapping) else {}
    model = str(request.get("model", ""))
    ms, images = latency_of(artifact.name).median or (None, 0)
    return Row(
        name=artifact.name,
        on_disk=True,
        model=model,
        title=registry()[model].title if model in registry() else model,
        backend=str(request.get("backend", "")),
        precision=str(request.get("precision", "")),
        card=_card(artifact.sidecar.get("key", {})),
        sizes=_sizes(request.get("sizes")),
        max_batch=_count(request.get("max_batch")),
        bytes=size_of(artifact.path),
        created=str(artifact.sidecar.get("created", "")),
        damaged="" if artifact.state == "whole" else artifact.state,
        parity=str(checked.get("parity", "")),
        loaded=any(engine.loaded for engine in engines),
        ms=ms,
        images=images,
    )


def _of_memory(engines: list[Engine]) -> list[Row]:
    rows = {}
    for engine in engines:
        if engine.artifact is not None or not engine.loaded:
            continue
        ms, images = engine.latency.median or (None, 0)
        rows[engine.name] = Row(
            name=engine.name,
            on_disk=False,
            model=engine.model.name,
            title=engine.model.entry.title,
            backend=engine.backend,
            precision=engine.precision,
            card=engine.where,
            sizes=engine.sizes,
            max_batch=engine.max_batch,
            bytes=0,
            created="",
            damaged="",
            parity="the reference itself" if engine.verdict is None else engine.verdict.reason,
            loaded=True,
            ms=ms,
            images=images,
        )
    return [rows[name] for name in sorted(rows)]


def _card(key: Any) -> str:
    """Return the card of a key.

    "NVIDIA H200" for [name, major, minor, multiprocessors], "sm89 sm90" for capabilities, "any" for
    a file that runs on any card.
    """
    card = key.get("card") if isinstance(key, Mapping) else None
    if not isinstance(card, list) or not card:
        return "cpu" if isinstance(key, Mapping) and "cpu" in key else "any"
    return str(card[0]) if len(card) == 4 and isinstance(card[1], int) else " ".join(map(str, card))


def _sizes(value: Any) -> tuple[int, int] | None:
    if isinstance(value, list) and len(value) == 2 and all(type(v) is int for v in value):
        return value[0], value[1]
    return None


def _count(value: Any) -> int:
    return value if type(value) is int else 0
