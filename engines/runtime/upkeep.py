"""Maintaining the engine cache: listing, verifying, pruning, rebuilding and building engines."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import EngineError, KinographError
from ..files import size_of
from ..models.model import Option
from ..models.registry import resolve
from .backend import Progress, Rung
from .backends import backend_of, backends
from .build import BuildRequest
from .cache import Artifact, EngineCache
from .engine import build_engine, within
from .network import network_of


@dataclass(frozen=True)
class Finding:
    """One engine or leftover file, and what was found or done about it.

    state:  "whole", "damaged", "removed", "rebuilt", "kept" ...
    detail: why, in words
    """

    name: str
    size: int
    state: str
    detail: str


def selected(cache: EngineCache, names: Iterable[str]) -> list[Artifact]:
    """Return the engines with these names, all engines if there are no names.

    A name is that of an engine, with or without its suffix, or the beginning of one. Raises
    `EngineError` for a name that matches nothing, as paths never do.
    """
    known = cache.entries()
    wanted = [name.removesuffix(".engine") for name in names]
    for name in wanted:
        if not name or not any(artifact.name.startswith(name) for artifact in known):
            there = ", ".join(artifact.name for artifact in known) or "it is empty"
            raise EngineError(f"engine {name!r}: none of this name in {cache.folder} ({there})")
    if not wanted:
        return known
    return [a for a in known if any(a.name.startswith(name) for name in wanted)]


def listed(cache: EngineCache, names: Iterable[str] = ()) -> list[Finding]:
    """Return the engines, as their sidecars describe them."""
    return [
        Finding(a.name, size_of(a.path), _state(a), f"{a.sidecar.get('created', '')} {_about(a)}")
        for a in selected(cache, names)
    ]


def verified(
    cache: EngineCache, names: Iterable[str] = (), *, models: Path | None = None
) -> Iterator[Finding]:
    """Verify engines one after another: hash each file and, if this machine can run the engine,
    compare its outputs with the reference's.

    models: folder of downloaded models; None = the folder of headless runs

    Yields for each engine "right": its outputs agree with the reference's; "whole": the file is
    whole, but not for this machine; "damaged": with the reason.
    """
    for artifact in selected(cache, names):
        yield Finding(artifact.name, size_of(artifact.path), *_verdict(cache, artifact, models))


def pruned(
    cache: EngineCache,
    names: Iterable[str] = (),
    *,
    everything: bool = False,
    days: float = 0,
    only_say: bool = False,
) -> list[Finding]:
    """Remove damaged engines, leftovers of killed builds, and engines of other versions.

    names:      remove these engines instead, whatever their state
    everything: remove all engines
    days:       remove engines that are older, too; 0 = of any age
    only_say:   remove nothing, only return what would be removed
    """
    findings = []
    names = list(names)
    for artifact in selected(cache, names):
        reason = "asked for" if names or everything else _useless(artifact)
        age = (time.time() - _written(artifact.path)) / 86400
        if not reason and days and age > days:
            reason = f"{age:.0f} {'day' if round(age) == 1 else 'days'} old"
        size = size_of(artifact.path)
        if reason and not only_say:
            # judged again under its lock: an engine that is being built has no sidecar yet
            always = names or everything or (days and age > days)
            kept = cache.remove(artifact, still=None if always else _is_useless)
            if kept:
                findings.append(Finding(artifact.name, size, "kept", kept))
                continue
        findings.append(Finding(artifact.name, size, "removed" if reason else "kept", reason))
    if not names:
        for path in cache.leftovers():
            size = size_of(path)
            if not only_say:
                cache.delete(path)
            findings.append(Finding(path.name, size, "removed", "left over"))
    return findings


def rebuilt(
    cache: EngineCache, names: Iterable[str] = (), *, models: Path | None = None
) -> list[Finding]:
    """Rebuild damaged engines and those of other versions; with names, these in any state.

    models: as in `verified`

    What to build is read from the sidecar; an engine without one cannot be rebuilt.
    """
    findings = []
    names = list(names)
    for artifact in selected(cache, names):
        reason = "asked for" if names else _useless(artifact)
        if not reason:
            findings.append(Finding(artifact.name, size_of(artifact.path), "kept", ""))
            continue
        request = _request(artifact)
        if request is None:
            detail = f"{reason}; its sidecar is lost: rebuild it with kinograph build"
            findings.append(Finding(artifact.name, size_of(artifact.path), "kept", detail))
            continue
        if kept := cache.remove(artifact, still=None if names else _is_useless):
            findings.append(Finding(artifact.name, size_of(artifact.path), "kept", kept))
            continue
        try:
            path = build(cache, **request, models=models)
        except KinographError as error:
            findings.append(Finding(artifact.name, 0, "removed", f"{reason}; not rebuilt: {error}"))
        else:
            findings.append(Finding(path.stem, size_of(path), "rebuilt", reason))
    return findings


def build(
    cache: EngineCache,
    *,
    model: str,
    backend: str,
    precision: str,
    max_batch: int = 16,
    sizes: Iterable[int] = (),
    capabilities: Iterable[str] = (),
    device: str = "auto",
    options: Mapping[str, Option] | None = None,
    models: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Build one engine into the cache and return its file.

    options: of the model, see `Model`
    models:  as in `verified`
    capabilities: cards to build for, on any machine; such an engine is not compared with the
        reference before it meets its card. () = this machine, compared

    Raises `EngineError` if the backend keeps no file or cannot be used here.
    """
    chosen = resolve(model, folder=models).with_options(**options or {})
    network = network_of(chosen)
    asked = tuple(sizes)
    low, high = within(network, (asked[0], asked[1]) if asked else None)
    builder, cards = backend_of(backend), tuple(capabilities)
    if not builder.keeps_file:
        raise EngineError(f"backend {backend}: it builds nothing that could be kept")
    if cards and not builder.builds_for:
        others = ", ".join(each.name for each in backends() if each.builds_for)
        raise EngineError(f"backend {backend}: it cannot build for other cards; choose {others}")
    if cards or builder.portable:
        request = BuildRequest(chosen, network, max_batch, (low, high), cache, progress)
        kind = "cuda" if cards else "cpu"
        rung = Rung(backend, torch.device(kind), precision, cards)
        return builder.build(request, rung, lambda path: None).path
    engine = build_engine(
        chosen,
        network,
        backend=backend,
        precision=precision,
        device=device,
        max_batch=max_batch,
        sizes=(low, high),
        cache=cache,
        progress=progress,
    )
    engine.unload()
    assert engine.artifact is not None
    return engine.artifact


def _verdict(cache: EngineCache, artifact: Artifact, models: Path | None) -> tuple[str, str]:
    if artifact.state != "whole":
        return "damaged", artifact.state
    if reason := _useless(artifact):
        return "whole", f"not used here: {reason}"
    request = _request(artifact) or {}
    if "model" not in request or request.pop("capabilities", None):
        return "whole", "built for a card, not run here"
    try:
        model = resolve(request.pop("model"), folder=models)
        model = model.with_options(**request.pop("options", {}))
        engine = build_engine(
            model,
            network_of(model),
            sizes=tuple(request.pop("sizes", ())) or None,
            cache=cache,
            **request,
        )
    except KinographError as error:
        return "whole", f"not run here: {error}"
    engine.unload()
    if engine.artifact != artifact.path:
        return "whole", "not used here: another key"
    return "right", "the reference" if engine.verdict is None else engine.verdict.reason


_REQUEST = ("model", "backend", "precision", "device", "max_batch", "sizes", "capabilities")


def _request(artifact: Artifact) -> dict[str, Any] | None:
    """Return what an engine was built with, as arguments of `build`; None if it is unknown.

    Sidecars of earlier versions have the model's options beside the rest.
    """
    request = artifact.sidecar.get("request")
    if not isinstance(request, dict):
        return None
    options = {key: value for key, value in request.items() if key not in (*_REQUEST, "options")}
    known = {key: value for key, value in request.items() if key in _REQUEST}
    given = request.get("options", {})
    fits = (
        all(isinstance(known.get(name), str) for name in ("model", "backend", "precision"))
        and isinstance(known.get("device", ""), str)
        and type(known.get("max_batch", 1)) is int
        and _are(int, known.get("sizes", []))
        and len(known.get("sizes", [])) in (0, 2)
        and _are(str, known.get("capabilities", []))
        and isinstance(given, dict)
        and not {"self", *_REQUEST} & given.keys()
        and all(
            isinstance(value, str | int | float) for value in (*options.values(), *given.values())
        )
    )
    return {**known, "options": {**options, **given}} if fits else None


def _are(kind: type, values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is kind for value in values)


def _is_useless(artifact: Artifact) -> bool:
    return bool(_useless(artifact))


def _useless(artifact: Artifact) -> str:
    """Return why this installation will never load the engine; "" if it may."""
    if artifact.state != "whole":
        return artifact.state
    key = artifact.sidecar.get("key", {})
    return next((each.outdated(key) for each in backends() if each.owns(key)), "")


def _state(artifact: Artifact) -> str:
    return "whole" if artifact.state == "whole" else "damaged"


def _about(artifact: Artifact) -> str:
    if artifact.state != "whole":
        return artifact.state
    checked = artifact.sidecar.get("checked") or {}
    return str(checked.get("parity", "not compared yet"))


def _written(path: Path) -> float:
    """Return when a file was last written, in seconds; for one that has gone, now."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return time.time()
