"""The engine cache: built engines on disk, addressed by everything that they depend on.

An engine is three files: NAME-KEY.engine, its sidecar NAME-KEY.json (size, SHA-256, the complete
key, and the verdict of the comparison with the reference) and NAME-KEY.lock. Files are written to
a temporary name, flushed and renamed; the sidecar is written last, after the engine has passed its
check. A crash therefore leaves at most an engine without a sidecar, which counts as absent. One
lock per key lets one process build while the others wait. Lock files are never deleted, because a
waiting process may hold the one that another would create again. A damaged engine is renamed to
*.bad, rebuilt once, and never loaded again.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..errors import EngineError, KinographError, NotBuiltError
from ..files import (
    abandoned,
    atomic_write,
    check_regular,
    own,
    read_regular,
    remove,
    sha256_of,
    why_not_written,
)

SCHEMA = 1
_TEMPORARY = ".building-"  # prefix of files that are being written
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Key = Mapping[str, Any]  # JSON values, each of which changes the digest


@dataclass(frozen=True)
class Artifact:
    """A built engine in the cache.

    state: "whole", or the reason why the engine is not usable
    built: whether this call built it
    notes: what happened on the way, such as a quarantine, one sentence each
    """

    path: Path
    sidecar: Mapping[str, Any]
    state: str = "whole"
    built: bool = False
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem


Check = Callable[[Path], Key | None]


def _no_check(path: Path) -> None:
    return None


def digest(key: Key) -> str:
    """Return the SHA-256 of the key's canonical JSON as a hexadecimal string."""
    text = json.dumps(key, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class EngineCache:
    """The engines in one folder; safe to share between threads and processes.

    builds: False: take what is there, and build nothing
    """

    def __init__(self, folder: Path, *, builds: bool = True):
        self.folder = folder
        self.builds = builds

    def path(self, name: str, key: Key) -> Path:
        """Return the path of the engine, whether or not it exists.

        Raises `EngineError` for a name that could lead out of the folder: engines are native code
        and are never loaded from anywhere else.
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
        """Return the engine for `key` from the cache, building it if necessary.

        build:   writes the engine into the file at the path it is given, or raises; further files
                 that it needs lie beside that one, under names that begin with its name
        check:   raises `EngineError` if an engine cannot be used (it does not load or run, or its
                 outputs are wrong); what it returns for a new build is stored in the sidecar
                 under "checked"
        request: stored in the sidecar, so that the engine can be rebuilt from it
        timeout: seconds to wait for another process that is building the same engine

        A cached engine that fails its check is quarantined and rebuilt once. Raises `EngineError`
        if the build, the check of a new build, or writing fails; of a cache that builds nothing,
        `NotBuiltError` if there is no engine, and `EngineError` if there is one that is not usable.
        """
        path = self.path(name, key)
        cached, reason = self._usable(path, key, check)
        if cached is not None:
            return cached
        if not self.builds:
            if not _sidecar_path(path).exists():  # absent, or another process is building it
                raise NotBuiltError(f"{path.name}: not in {self.folder}")
            raise EngineError(
                f"{path.name} is not usable ({reason}); run: kinograph engines rebuild {path.stem}"
            )
        self._make_folder()
        try:
            lock = FileLock(own(path.with_suffix(".lock")), timeout=timeout)
            with lock:
                # Another process may have built it while this one waited for the lock.
                cached, reason = self._usable(path, key, check)
                if cached is not None:
                    return cached
                notes = []
                if os.path.lexists(path):
                    notes.append(f"{path.name} was not usable ({reason}) and is rebuilt")
                    self._quarantine(path)
                return self._build(
                    path, build, check, {"name": name, "key": key, "request": request}, notes
                )
        except Timeout as error:
            raise EngineError(
                f"{path.name}: another process has been building it for {timeout:.0f} s; "
                "wait for it, or end it and try again"
            ) from error
        except OSError as error:  # of the lock file, or of a damaged engine
            raise self._cannot_write(path, error) from error

    def entries(self, *, whole: bool = True) -> list[Artifact]:
        """Return every engine of the folder with its state.

        whole: verify the hash; otherwise only the sidecar and the size are checked

        Raises `EngineError` for a folder that cannot be read.
        """
        return [
            Artifact(path, _read_sidecar(path) or {}, state=self._state(path, whole) or "whole")
            for path in self._named("*.engine")
        ]

    def remove(self, artifact: Artifact, *, still: Callable[[Artifact], bool] | None = None) -> str:
        """Delete an engine, its sidecar and its kernels; the lock file stays.

        still: whether it is to be deleted, asked again when no other process can be building it

        Returns why it was kept, or "". Raises `EngineError` for a file that cannot be deleted.
        """
        try:
            with FileLock(own(artifact.path.with_suffix(".lock")), timeout=0):
                now = Artifact(
                    artifact.path,
                    _read_sidecar(artifact.path) or {},
                    state=self._state(artifact.path) or "whole",
                )
                if still is not None and not still(now):
                    return "it has been rebuilt meanwhile"
                beside = (_sidecar_path(artifact.path), kernels_path(artifact.path))
                for path in (beside[0], artifact.path, beside[1]):
                    self.delete(path)
        except Timeout:
            return "another process is building it"
        except OSError as error:
            raise self._cannot_write(artifact.path, error) from error
        return ""

    def delete(self, path: Path) -> None:
        """Delete a file, link or folder of the engine folder, if it is there.

        Raises `EngineError` if it cannot be deleted.
        """
        try:
            remove(path)
        except OSError as error:
            raise EngineError(f"{path}: cannot be deleted ({error.strerror or error})") from error

    def leftovers(self) -> Iterator[Path]:
        """Yield quarantined engines and the temporary files of builds that were killed."""
        yield from self._named("*.bad")
        yield from abandoned(self.folder, _TEMPORARY)

    def _named(self, pattern: str) -> list[Path]:
        """Return what is in the folder under a pattern.

        Raises `EngineError` for a folder that cannot be read.
        """
        try:
            names = [path.name for path in self.folder.iterdir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise EngineError(
                f"engine folder {self.folder}: cannot be read ({error.strerror or error}); "
                "set KINOGRAPH_MODELS_DIR to another folder"
            ) from error
        return [self.folder / name for name in sorted(names) if fnmatchcase(name, pattern)]

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
        except FileNotFoundError:  # another process has removed it since
            return None, "it was removed meanwhile"
        return Artifact(path, sidecar), ""

    def _state(self, path: Path, whole: bool = True) -> str:
        """Return why the engine is damaged, or "" if its size and, if `whole`, its hash match."""
        try:
            check_regular(path)
        except FileNotFoundError:
            return "it is missing"
        except OSError as error:
            return f"it cannot be read: {error.strerror or error}"
        sidecar = _read_sidecar(path)
        if sidecar is None:
            return "its sidecar is missing or damaged"
        try:
            size = path.stat().st_size
            if size != sidecar["size"]:
                return f"it has {size} bytes instead of {sidecar['size']}"
            if whole and sha256_of(path) != sidecar["sha256"]:
                return "its sha256 differs"
        except OSError as error:
            return f"it cannot be read: {error.strerror}"
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
        with self._writing(path) as aside:
            build(aside)
            seconds = time.perf_counter() - started
            size, sha256 = aside.stat().st_size, sha256_of(aside)
        try:
            checked = check(path)
        except EngineError:
            self._quarantine(path)
            raise
        sidecar = {
            "schema": SCHEMA,
            **about,
            "digest": digest(about["key"]),
            "size": size,
            "sha256": sha256,
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seconds": round(seconds, 3),
            "checked": checked,
        }
        with self._writing(_sidecar_path(path)) as aside:
            text = json.dumps(sidecar, indent=1, sort_keys=True, default=dict)
            aside.write_text(text, encoding="utf-8")
        return Artifact(path, sidecar, built=True, notes=tuple(notes))

    def _writing(self, path: Path) -> AbstractContextManager[Path]:
        return write_beside_engines(path, self._cannot_write)

    def _quarantine(self, path: Path) -> None:
        remove(_sidecar_path(path))
        remove(kernels_path(path))
        with suppress(FileNotFoundError):  # another process has removed it since
            path.replace(path.with_name(f"{path.name}.{time.time_ns()}.bad"))

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._cannot_write(self.folder, error) from error

    def _cannot_write(self, path: Path, error: OSError) -> EngineError:
        if isinstance(error, PermissionError) or path == self.folder:
            return EngineError(
                f"engine folder {self.folder}: cannot be written ({error.strerror}); "
                "set KINOGRAPH_MODELS_DIR to a folder that can"
            )
        return EngineError(
            f"{path}: cannot be written ({why_not_written(path, error)}); free space on its disk, "
            "or set KINOGRAPH_MODELS_DIR to a folder on another one"
        )


def write_beside_engines(
    path: Path, failure: Callable[[Path, OSError], KinographError]
) -> AbstractContextManager[Path]:
    """Write a file of the engine folder atomically; see `atomic_write`.

    What a killed process leaves behind is found by `EngineCache.leftovers`.
    """
    return atomic_write(path, durable=True, prefix=_TEMPORARY, suffix="", failure=failure)


def kernels_path(path: Path) -> Path:
    """Return where a backend may keep the kernels that it compiled on this machine at run time."""
    return path.with_suffix(".kernels")


def _sidecar_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _read_sidecar(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(read_regular(_sidecar_path(path)))
    except (OSError, ValueError, RecursionError):
        return None
    fields = {"schema": int, "digest": str, "size": int, "sha256": str, "key": dict}
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        return None
    if any(not isinstance(data.get(name), kind) for name, kind in fields.items()):
        return None
    return data


def plain(name: str) -> str:
    """Return `name` reduced to what an engine's name may contain: letters, digits, _ . and -."""
    return re.sub(r"[^A-Za-z0-9_.]", "-", name).strip("-.")
