"""Long videos: a graph run chunk by chunk, in constant memory, that can be resumed."""

import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from ...engines.errors import GraphError, MediaError
from ...engines.files import inside, remove, sync_file
from ...engines.video.segments import SEGMENT
from ...engines.video.source import VideoSource
from ...nodes.standin import host
from ...nodes.standin.prefix import has_time
from ...nodes.streaming import Sink
from ...nodes.streaming.sinks import names_in, parts_of
from ...nodes.streaming.states import load_state, save_state
from ..execution.caching import ResultCache
from ..execution.outcome import Bar, Progress
from ..execution.report import Report
from ..graph.catalogue import Catalogue
from ..graph.model import Link
from ..graph.plan import Plan
from .folders import belongs_to, check_plain, drop_orphan, is_anothers, make_parts, unfinished
from .journal import NAME, Journal, differences, identity
from .layout import Slot, lay_out
from .outputs import check_prefixes, free_path, make_sinks, saving_nodes
from .published import published, take_back
from .residence import resident
from .single_run import SingleRunNodes
from .sources import look_ahead, open_sources
from .stage import Stage

log = logging.getLogger("kinograph")

_SECONDS = 30.0  # after which the journal is written even if no segment is complete


def run_in_chunks(
    plan: Plan,
    nodes: Catalogue,
    settings: host.Settings,
    chunk: int,
    *,
    cache: ResultCache | None = None,
    progress: Progress | None = None,
    restart: bool = False,
) -> Report:
    """Run a plan on `chunk` frames at a time, with the same result as on all frames at once.

    An interrupted run is resumed by the same call, which finds its journal. Files appear when they
    are complete.

    cache:    as in `run_graph`, for the nodes that run once
    progress: makes a bar for each pass over the frames
    restart:  start over instead of resuming an interrupted run

    Raises `GraphError` before anything runs, for nodes that do not run in chunks; if a run of
    another graph or with other files was interrupted under the same name; if another run is working
    on the same output; and for what a node raises, after which the run can be resumed.
    """
    started = time.perf_counter()
    if chunk < 1:
        raise GraphError(f"chunk: expected at least 1 frame, found {chunk}")
    layout = lay_out(plan, nodes)
    # one bar for all nodes
    quiet = replace(settings, progress=lambda total: lambda done: None)
    single = SingleRunNodes(layout, nodes, quiet, cache, resident(layout, nodes))
    run = _Run(single, settings, chunk, progress)
    try:
        files = run.run(restart=restart)
    finally:
        run.close()
    runs = tuple(single.runs[id_] for id_ in plan.order if id_ in single.runs)
    return Report(
        ok=not plan.problems,
        nodes=runs,
        files=files,
        warnings=(*plan.warnings, *run.said, *single.warnings),
        errors=tuple(problem.message for problem in plan.problems),
        seconds=time.perf_counter() - started,
        graph=plan.graph.source,
        device=settings.device,
        problems=plan.problems,
    )


class _Run:
    def __init__(
        self, single: SingleRunNodes, settings: host.Settings, chunk: int, progress: Progress | None
    ):
        self.said: list[str] = []
        self._single = single
        self._layout = single.layout
        self._settings = settings
        self._chunk = chunk
        self._progress = progress
        self._identity = identity(single.layout.original, settings)
        self._needed = {
            value.node
            for values in single.layout.plan.values.values()
            for value in values.values()
            if isinstance(value, Link)
        }
        self._journal: Journal | None = None
        self._sinks: dict[str, Sink] = {}
        self._sources: dict[str, VideoSource] = {}
        self._serial = 0
        self._kept: list[str] = []  # state files of passes that are over
        self._saved: dict[str, list[str]] = {}  # by node, what it has saved or is about to save
        self._contents: dict[str, list[str]] = {}  # by node, the files in the folder that it saved
        self._entry: dict[str, Any] = {}  # the last of the journal
        self._results: Mapping[Slot, Any] = {}  # of the last pass
        single.begins, single.saves, single.ends = self._begins, self._saves, self._ends

    def run(self, *, restart: bool) -> tuple[Path, ...]:
        entry = self._begin(restart)
        if entry is not None and entry["phase"] == "done":
            return self._clean_up()
        first = 0 if entry is None else entry["pass"]
        self._single.keep_only([i for one in self._layout.passes for i in one.before])
        self._sources = open_sources(self._single)
        for name in self._kept:
            self._single.given |= {(i, slot): v for i, slot, v in load_state(self._folder / name)}
        for number, one in enumerate(self._layout.passes):
            self._single.run_up_to(*self._now(one.before))
            if number >= first:
                self._pass(number, entry if number == first else None)
        if entry is None or entry["phase"] != "finishing":
            self._single.run_up_to(*self._now(self._layout.after))
            self._finishing()
        return self._finish()

    def _now(self, ids: tuple[str, ...]) -> list[str]:
        """Return the nodes that do not wait for the end."""
        return [id_ for id_ in ids if not self._waits(id_)]

    def _waits(self, id_: str) -> bool:
        """Return whether a node runs last because it saves and no other node needs its outputs."""
        schema = self._single.catalogue.require(self._single.class_of(id_))
        return schema.is_output_node and id_ not in self._needed

    # --- the progress

    def _begin(self, restart: bool) -> dict[str, Any] | None:
        """Find an interrupted run and return the last entry of its journal, or begin a new one."""
        places = saving_nodes(self._single)
        if not places:
            self._sinks = make_sinks(self._single, {})
            return None
        check_prefixes(self._single, places)
        main = next(iter(places))
        dated = has_time(places[main][0])
        for folder in unfinished(self._settings.output, *places[main]):
            if is_anothers(folder):
                continue
            entry = self._resumed(folder, restart, dated=dated)
            if entry is not None:
                return entry
        for prefix, suffix in places.values():
            for folder in unfinished(self._settings.output, prefix, suffix):
                drop_orphan(folder)
        paths: dict[str, Path] = {}
        for id_, (prefix, suffix) in places.items():
            path = paths[id_] = free_path(self._single, self._settings, id_, prefix, suffix)
            make_parts(path, paths[main])
        self._sinks = make_sinks(self._single, paths)
        self._journal = Journal(self._sinks[main].parts)
        self._journal.acquire()
        self._write(0, 0, None, "running")
        return None

    def _resumed(self, folder: Path, restart: bool, *, dated: bool) -> dict[str, Any] | None:
        """Return the last entry of an interrupted run that this one resumes, None if it does not.

        dated: the names contain the time, so that other runs under this prefix do not collide
        """
        journal = Journal(folder)
        if restart:
            journal.clear_lock()
        if not journal.acquire():
            if self._is_ours(journal):
                raise GraphError(
                    f"{folder}: another run of the same graph is working on it; wait for it, or "
                    "choose another filename_prefix"
                )
            return None
        entry = None
        try:
            if dated and not self._is_ours(journal):
                journal.release()
                return None
            entry = None if restart else journal.read()
            if entry is None:
                self._drop(journal)
                return None
            changed = list(differences(entry["identity"], self._identity))
            if changed:
                lines = "\n".join(f"  - {line}" for line in changed)
                raise GraphError(
                    f"{folder}: a different run was interrupted here:\n{lines}\n"
                    "run that one again to finish it, start over with --restart, or choose another "
                    "filename_prefix"
                )
            self._resume(journal, entry)
        except GraphError:
            journal.release()
            raise
        return entry

    def _is_ours(self, journal: Journal) -> bool:
        """Return whether the journal is that of a run of the same graph, files and settings."""
        try:
            entry = journal.read()
        except GraphError:
            return False
        return entry is not None and not any(differences(entry["identity"], self._identity))

    def _drop(self, journal: Journal) -> None:
        """Remove all parts of a run, and what it has saved unless it is a whole run of another
        graph."""
        entry: dict[str, Any] = {}
        try:
            entry = journal.read() or {}
            if entry and (entry["phase"] != "done" or self._is_ours(journal)):
                take_back(self._root, published(self._root, entry))
                self._single.fresh |= entry["saved"].keys()
        except GraphError as error:
            self._say_kept(str(error))
        except ValueError as error:
            self._say_kept(str(journal.damaged(error)))
        except OSError as error:
            why = f"{error.filename}: cannot be removed ({error.strerror or error})"
            self._say_kept(why)
        with suppress(OSError):  # first: without it the parts belong to nobody
            remove(journal.folder / NAME)
        for sink in entry.get("sinks", {}).values():
            with suppress(ValueError):  # a name that leads elsewhere; what is there is not ours
                folder = parts_of(self._inside(sink["path"]))
                if belongs_to(folder, journal.folder):
                    shutil.rmtree(folder, ignore_errors=True)
        journal.release()
        shutil.rmtree(journal.folder, ignore_errors=True)

    def _say_kept(self, why: str) -> None:
        words = (
            f"{why.removesuffix('; start over with --restart')}; files that the interrupted run "
            "has already saved stay, and new ones are numbered behind them"
        )
        self.said.append(words)
        log.warning(words)

    @property
    def _root(self) -> Path:
        return self._settings.output.resolve()

    def _inside(self, name: str) -> Path:
        """Return the path of a name in a journal. Raises `ValueError` for one that leads out of the
        output folder."""
        return inside(self._root, name)

    def _name_of(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _resume(self, journal: Journal, entry: Mapping[str, Any]) -> None:
        try:
            self._return_to(journal, entry)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise journal.damaged(error) from error  # values that the sinks cannot have written
        except OSError as error:
            raise journal.damaged(error.strerror or error) from error

    def _return_to(self, journal: Journal, entry: Mapping[str, Any]) -> None:
        paths = {id_: self._inside(s["path"]) for id_, s in entry["sinks"].items() if s["path"]}
        saved = {id_: [self._inside(n) for n in names] for id_, names in entry["saved"].items()}
        if entry["pass"] >= max(1, len(self._layout.passes)):
            raise ValueError(f"pass: found {entry['pass']}")
        self._journal = journal
        self._sinks = make_sinks(self._single, paths)
        self._serial, self._kept = entry["serial"], entry["kept"]
        # a node that a filename_prefix comes from has run by now, and saved once more
        twice = [self._name_of(Path(name)) for id_ in saved for name in self._saved.get(id_, ())]
        take_back(self._root, twice)
        self._saved |= {id_: list(map(str, files)) for id_, files in saved.items()}
        self._contents = {id_: list(names) for id_, names in entry["contents"].items()}
        self._entry = dict(entry)
        for sink in self._sinks.values():
            others = sink.saves and sink.parts != journal.folder and sink.parts.is_dir()
            if others and not belongs_to(sink.parts, journal.folder):
                raise ValueError(f"{sink.parts} belongs to another run")
            if sink.saves:
                check_plain(sink.parts)
        if entry["phase"] == "done":
            return
        for id_, sink in self._sinks.items():
            if sink.saves and not sink.parts.is_dir():
                raise GraphError(f"{sink.parts}: is gone; start over with --restart")
            sink.resume(entry["sinks"][id_]["mark"])
        words = _resuming(entry, len(self._layout.passes))
        self.said.append(words)
        log.warning(words)

    @property
    def _folder(self) -> Path:
        assert self._journal is not None
        return self._journal.folder

    def _write(
        self,
        number: int,
        done: int,
        stage: Stage | None,
        phase: str,
        kept: Mapping[Slot, Any] | None = None,
    ) -> None:
        """Record the progress of the run."""
        if self._journal is not None:
            with _writing(self._journal.folder):
                self._record(self._journal, number, done, stage, phase, kept)

    def _record(
        self,
        journal: Journal,
        number: int,
        done: int,
        stage: Stage | None,
        phase: str,
        kept: Mapping[Slot, Any] | None,
    ) -> None:
        marks = {
            id_: {"path": self._name_of(sink.path) if sink.saves else "", "mark": sink.mark()}
            for id_, sink in self._sinks.items()
        }
        self._serial += 1
        state = ""
        if kept is not None:
            self._kept = [*self._kept, f"results_{self._serial:06}.state"]
            self._save([[*slot, value] for slot, value in kept.items()], self._kept[-1])
        if stage is not None:
            state = f"{self._serial:06}.state"
            self._save(stage.state, state)
        self._amend(
            {
                "identity": self._identity,
                "phase": phase,
                "pass": number,
                "done": done,
                "total": self._total(),
                "state": state,
                "kept": self._kept,
                "serial": self._serial,
                "sinks": marks,
            }
        )
        for sink in self._sinks.values():
            if sink.saves:
                sink.settle()
        for path in self._folder.glob("*.state"):
            if path.stem.isdigit() and path.name != state:
                path.unlink()

    def _amend(self, entry: Mapping[str, Any]) -> None:
        """Write an entry with what is saved by now."""
        assert self._journal is not None
        saved = {i: [self._name_of(Path(n)) for n in s] for i, s in self._saved.items()}
        self._entry = {**entry, "saved": saved, "contents": self._contents}
        self._journal.write(self._entry)

    def _save(self, value: Any, name: str) -> None:
        save_state(value, self._folder / name)
        sync_file(self._folder / name)

    # --- the frames

    def _total(self) -> int:
        """Return how many frames the sources state; 0 = unknown."""
        return max((source.frame_count for source in self._sources.values()), default=0)

    def _pass(self, number: int, entry: Mapping[str, Any] | None) -> None:
        stage = Stage(self._single, number)
        done = 0
        if entry is not None and entry["state"]:
            stage.state = load_state(self._folder / entry["state"])
            done = entry["done"]
        elif entry is None or entry["phase"] == "running":
            look_ahead(self._single, number, stage, self._sources)
        if entry is not None and entry["phase"] == "finishing":
            return
        sources = {id_: self._sources[id_] for id_ in stage.sources}
        for source in sources.values():
            source.begin(done)
        bar = self._bar(number, done)
        written = time.monotonic()
        while True:
            # end chunks where segments end, so that the journal needs no partial segment
            count = min(self._chunk, SEGMENT - done % SEGMENT)
            frames = {}
            for id_, source in sources.items():
                with self._single.named(id_):
                    taken = source.take(count)
                if taken is not None:
                    frames[id_] = taken
            if not frames and not stage.pending:
                break
            came = max((len(chunk) for chunk in frames.values()), default=count)
            self._deliver(stage.step(frames, count))
            done += came
            bar.advance(came)
            if done % SEGMENT == 0 or time.monotonic() - written > _SECONDS:
                self._write(number, done, stage, "running")
                written = time.monotonic()
        bar.fill()
        for given in stage.flush():
            self._deliver(given)
        for source in sources.values():
            source.close()
        if number + 1 < len(self._layout.passes):
            self._write(number + 1, 0, None, "running", kept=stage.results)
        else:
            self._results = stage.results

    def _bar(self, number: int, done: int) -> Bar:
        passes = len(self._layout.passes)
        title = "frames" if passes == 1 else f"frames, pass {number + 1} of {passes}"
        make = self._progress
        bar = Bar(lambda total: (lambda frames: None) if make is None else make(title, total))
        bar.start(self._total())
        if done:
            bar.advance(done)
        return bar

    def _deliver(self, came: Mapping[str, Any]) -> None:
        for id_, sink in self._sinks.items():
            if id_ in came:
                with self._single.named(id_), _writing(sink.parts if sink.saves else Path()):
                    sink.write(came[id_])
                self._single.say(id_, sink.text)

    # --- the end

    def _finishing(self) -> None:
        for id_, sink in self._sinks.items():
            if sink.saves:
                with self._single.named(id_), _writing(sink.parts):
                    sink.prepare()
        last = len(self._layout.passes) - 1
        self._write(last, self._total(), None, "finishing", kept=self._results)

    def _finish(self) -> tuple[Path, ...]:
        for id_, sink in self._sinks.items():
            with self._single.named(id_), _writing(sink.parts if sink.saves else Path()):
                if sink.saves and id_ not in self._saved:
                    self._announce(id_, sink)
                paths = sink.finish()
            self._single.say(id_, sink.text)
            if id_ in self._single.runs:
                self._single.runs[id_] = replace(self._single.runs[id_], files=paths)
            self._saved[id_] = [str(path) for path in paths]
        for one in (*(p.before for p in self._layout.passes), self._layout.after):
            for id_ in one:
                if self._waits(id_):
                    self._single.run_up_to(id_)
                if id_ in self._single.runs:
                    files = tuple(map(Path, self._saved.get(id_, ())))
                    self._single.runs[id_] = replace(self._single.runs[id_], files=files)
        self._write(len(self._layout.passes) - 1, self._total(), None, "done")
        return self._clean_up()

    def _announce(self, id_: str, sink: Sink) -> None:
        """Record what a sink is about to make appear. Raises `MediaError` if another file has taken
        a name."""
        paths = sink.appearing()
        if taken := next((path for path in paths if os.path.lexists(path)), None):
            raise MediaError(
                f"{taken}: was created meanwhile; move it away, and run the same command again"
            )
        self._saved[id_] = [str(path) for path in paths]
        self._contents[id_] = sink.contents()
        self._remember()

    # --- nodes that run once: each attempt takes back what the one before has saved

    def _begins(self, id_: str) -> None:
        if names := self._saved.pop(id_, []):
            paths = [self._name_of(Path(name)) for name in names]
            contents = [f"{paths[0]}/{name}" for name in self._contents.pop(id_, [])]
            with _writing(Path(names[0])):
                take_back(self._root, [*contents, *paths])
            self._remember()

    def _saves(self, id_: str, path: Path) -> None:
        self._saved.setdefault(id_, []).append(str(path))
        self._remember()

    def _ends(self, id_: str) -> None:
        folders = [path for name in self._saved.get(id_, []) if (path := Path(name)).is_dir()]
        if len(folders) == 1 and len(self._saved[id_]) == 1:
            self._contents[id_] = names_in(folders[0])
            self._remember()

    def _remember(self) -> None:
        """Record what is saved by now; how far the run is stays as it was."""
        if self._journal is not None and self._entry:
            with _writing(self._journal.folder):
                self._amend(self._entry)

    def _clean_up(self) -> tuple[Path, ...]:
        """Remove the parts, the journal last, and return the files of the run."""
        order = list(self._layout.plan.order)
        names = [n for i in sorted(self._saved, key=order.index) for n in self._saved[i]]
        files = [path for name in dict.fromkeys(names) if (path := Path(name)).exists()]
        for sink in self._sinks.values():
            if sink.saves:
                sink.close()
                if self._journal is None or sink.parts != self._journal.folder:
                    shutil.rmtree(sink.parts, ignore_errors=True)
        if self._journal is not None:
            for path in self._folder.iterdir():
                if path.name not in (NAME, "lock"):
                    remove(path)
            self._journal.release()
            shutil.rmtree(self._folder, ignore_errors=True)
            self._journal = None
        for path in files:
            self._settings.saved(path)
        return tuple(files)

    def close(self) -> None:
        """Close all files; a run that is not finished can be resumed."""
        for source in self._sources.values():
            source.close()
        for sink in self._sinks.values():
            sink.close()
        if self._journal is not None:
            self._journal.release()


def _resuming(entry: Mapping[str, Any], passes: int) -> str:
    if entry["phase"] == "finishing":
        return "resuming after the last frame: the files are put together"
    done, total = entry["done"], entry["total"]
    words = f"resuming at frame {done:,}" + (f" of {total:,}" if total else "")
    return words + (f", pass {entry['pass'] + 1} of {passes}" if passes > 1 else "")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn a write error into one that says that the run can be resumed."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        what = (error.strerror if isinstance(error, OSError) else None) or error
        raise MediaError(
            f"{path}: cannot be written ({what}); make room, and run the same command again to "
            "resume"
        ) from error
