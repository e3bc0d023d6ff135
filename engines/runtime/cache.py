"""Built engines on disk: found by everything that they depend on, whole or not there.

One engine is three files: NAME-KEY.engine, its sidecar NAME-KEY.json (size, sha256, the whole key,
and what the comparison with the reference said) and NAME-KEY.lock. Files are written aside, flushed
and renamed, the engine before its sidecar, which is written when the engine was found right: what a
crash leaves is an engine without a sidecar, which counts as absent. A lock a key
lets one process build while the others wait; lock files are never removed, because a waiter may
hold one that another would make anew. What turns out to be damaged is renamed to *.bad, built
once more, and never loaded again.
"""

import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..errors import EngineError
from ..files import sync_file

SCHEMA = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Key = Mapping[str, Any]  # JSON values; every one changes the digest


@dataclass(frozen=True)
class Artifact:
    """A built engine in the cache.

    state:  "whole", or why it is not usable
    built:  True when this very call built it
    notes:  what happened on the way (quarantine), one a line
    """

    path: Path
    sidecar: Mapping[str, Any]
    state: str = "whole"
    built: bool = False
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.stem


Check = Callable[[Path], Key | None]


def _no_check(path: Path) -> None:
    return None


def digest(key: Key) -> str:
    """sha256 of the key's canonical JSON."""
    text = json.dumps(key, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class EngineCache:
    """The engines in one folder; safe for any number of threads and processes."""

    def __init__(self, folder: Path):
        self.folder = folder

    def path(self, name: str, key: Key) -> Path:
        """Where the engine lies or would lie.

        Raises `EngineError` for a name that is not plain: engines are native code and are never
        loaded from elsewhere.
        """
        if not _NAME.fullmatch(name) or ".." in name:
            raise EngineError(f"engine name: expected letters, digits, . _ and -, found {name!r}")
        return self.folder / f"{name}-{digest(key)[:16]}.engine"

    def fetch(
        self,
        name: str,
        key: Key,
        build: Callable[[Path], None],
        check: Check = _no_check,
        *,
        request: Key | None = None,
        timeout: float = 3600,
    ) -> Artifact:
        """The engine for `key`, from the cache or built now.

        build: writes the engine to the path that it is given; raises when it cannot
        check: raises `EngineError` when an engine cannot be used (deserialised, run, right); what
            it returns for a fresh build is kept in the sidecar under "checked"
        request: kept in the sidecar, for whoever wants to build the engine anew
        timeout: seconds to wait for another process that builds the same engine

        A cached engine that fails its check is put aside and built once more. Raises
        `EngineError` when the build, the check of a fresh build, or writing fails.
        """
        path = self.path(name, key)
        found, _ = self._usable(path, key, check)
        if found is not None:
            return found
        self._make_folder()
        lock = FileLock(path.with_suffix(".lock"), timeout=timeout)
        try:
            with lock:
                # While this process waited another may have built it.
                found, reason = self._usable(path, key, check)
                if found is not None:
                    return found
                notes = []
                if path.exists():
                    notes.append(f"{path.name} was not usable ({reason}) and is built anew")
                    self._quarantine(path)
                return self._build(
                    path, build, check, {"name": name, "key": key, "request": request}, notes
                )
        except Timeout as error:
            raise EngineError(
                f"{path.name}: another process has been building it for {timeout:.0f} s; "
                "wait for it, or end it and try again"
            ) from error
        except PermissionError as error:
            raise self._cannot_write(error) from error

    def entries(self, *, whole: bool = True) -> list[Artifact]:
        """Every engine of the folder, with what is wrong with it if anything is.

        whole: read every byte; otherwise only the sidecar and the size are looked at
        """
        if not self.folder.is_dir():
            return []
        return [
            Artifact(path, _read_sidecar(path) or {}, state=self._state(path, whole) or "whole")
            for path in sorted(self.folder.glob("*.engine"))
        ]

    def remove(self, artifact: Artifact) -> None:
        """Delete an engine and its sidecar; its lock stays."""
        for path in (_sidecar_path(artifact.path), artifact.path, kernels_path(artifact.path)):
            path.unlink(missing_ok=True)

    def leftovers(self) -> Iterator[Path]:
        """Engines put aside as damaged, and files of builds that were killed."""
        if self.folder.is_dir():
            yield from sorted(self.folder.glob("*.bad"))
            yield from sorted(self.folder.glob(".building-*"))

    def _usable(self, path: Path, key: Key, check: Check) -> tuple[Artifact | None, str]:
        reason = self._state(path)
        sidecar = _read_sidecar(path)
        if reason or sidecar is None:
            return None, reason
        if sidecar.get("digest") != digest(key):
            return None, "it was built for another key"
        try:
            check(path)
        except EngineError as error:
            return None, str(error)
        return Artifact(path, sidecar), ""

    def _state(self, path: Path, whole: bool = True) -> str:
        """Why the engine is damaged; "" if it is whole, or of the right size if not `whole`."""
        if not path.is_file():
            return "it is missing"
        sidecar = _read_sidecar(path)
        if sidecar is None:
            return "its sidecar is missing or damaged"
        if not whole and path.stat().st_size == sidecar["size"]:
            return ""
        try:
            data = path.read_bytes()
        except OSError as error:
            return f"it cannot be read: {error.strerror}"
        if len(data) != sidecar["size"]:
            return f"it has {len(data)} bytes instead of {sidecar['size']}"
        if hashlib.sha256(data).hexdigest() != sidecar["sha256"]:
            return "its sha256 differs"
        return ""

    def _build(
        self,
        path: Path,
        build: Callable[[Path], None],
        check: Check,
        about: Key,
        notes: list[str],
    ) -> Artifact:
        started = time.perf_counter()
        handle, aside_name = tempfile.mkstemp(dir=self.folder, prefix=".building-")
        os.close(handle)
        aside = Path(aside_name)
        try:
            build(aside)
            data = aside.read_bytes()
            seconds = time.perf_counter() - started
            sync_file(aside)
            aside.replace(path)
            try:
                checked = check(path)
            except EngineError:
                self._quarantine(path)
                raise
            sidecar = {
                "schema": SCHEMA,
                **about,
                "digest": digest(about["key"]),
                "size": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
                "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "seconds": round(seconds, 3),
                "checked": checked,
            }
            _write_sidecar(path, sidecar)
        except PermissionError:
            raise
        except OSError as error:
            raise EngineError(
                f"{path}: cannot be written ({error.strerror}); free space on its disk, or set "
                "KINOGRAPH_MODELS_DIR to a folder on another one"
            ) from error
        finally:
            aside.unlink(missing_ok=True)
        return Artifact(path, sidecar, built=True, notes=tuple(notes))

    def _quarantine(self, path: Path) -> None:
        _sidecar_path(path).unlink(missing_ok=True)
        kernels_path(path).unlink(missing_ok=True)
        if path.exists():
            path.replace(path.with_name(f"{path.name}.{time.time_ns()}.bad"))

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._cannot_write(error) from error

    def _cannot_write(self, error: OSError) -> EngineError:
        return EngineError(
            f"engine folder {self.folder}: cannot be written ({error.strerror}); "
            "set KINOGRAPH_MODELS_DIR to a folder that can"
        )


def kernels_path(path: Path) -> Path:
    """Where a backend may keep what it compiled for this machine when it ran the engine."""
    return path.with_suffix(".kernels")


def _sidecar_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _read_sidecar(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(_sidecar_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    fields = {"schema": int, "digest": str, "size": int, "sha256": str, "key": dict}
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        return None
    if any(not isinstance(data.get(name), kind) for name, kind in fields.items()):
        return None
    return data


def _write_sidecar(path: Path, sidecar: Mapping[str, Any]) -> None:
    text = json.dumps(sidecar, indent=1, sort_keys=True, default=dict)
    write_whole(_sidecar_path(path), text.encode())


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is whole or not there, whatever happens."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".building-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def plain(name: str) -> str:
    """A name of anything as part of an engine's: letters, digits, _ . and - only."""
    return re.sub(r"[^A-Za-z0-9_.]", "-", name).strip("-.")
