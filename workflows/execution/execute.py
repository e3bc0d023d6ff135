"""Run a checked graph, as ComfyUI does."""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import torch

from ...engines.errors import GraphError, KinographError
from ...engines.memory import SHORTAGE, is_shortage
from ...nodes.standin import host
from ...nodes.standin.io import Hidden, HiddenHolder, Schema, overridden
from ..graph.catalogue import Catalogue
from ..graph.coroutines import Tasks
from ..graph.dynamic import present
from ..graph.model import Link, graph_as_json
from ..graph.plan import Plan, Problem
from .caching import CacheKeys, NodeResult, ResultCache
from .calling import CallResults, Lists, ask_lazy, call, call_async, merged
from .dynamic_prompt import DynamicPrompt
from .expansion import display_ids, expanded_nodes, resolved, result_links
from .outcome import Bar, NodeRun, Outcome, Progress
from .result_store import ResultStore


def run_plan(
    plan: Plan,
    catalogue: Catalogue,
    settings: host.Settings,
    progress: Progress | None = None,
    cache: ResultCache | None = None,
) -> Outcome:
    """Run the output nodes of `plan` and what they depend on.

    A node that raises a `KinographError` stops the run; the outcome says what was done until then.

    progress: makes a progress bar for a node from its title and its number of frames
    cache:    keeps results for the next run; without one they are dropped after their last use
    """
    return _Run(plan, catalogue, settings, progress, cache).run()


def _no_bar(title: str, total: int) -> Callable[[int], None]:
    return lambda done: None


class _StopError(Exception):
    """Raised when the node `id` fails, because of its input `input` if that is not ""."""

    def __init__(self, id_: str, message: str, input_: str = ""):
        super().__init__(message)
        self.id, self.input = id_, input_


class _Run:
    def __init__(
        self,
        plan: Plan,
        catalogue: Catalogue,
        settings: host.Settings,
        progress: Progress | None,
        cache: ResultCache | None,
    ):
        self._plan, self._catalogue, self._settings = plan, catalogue, settings
        self._progress, self._cache = progress, cache
        self._nodes = {
            node.id: replace(node, inputs={**node.inputs, **plan.values.get(node.id, {})})
            for node in plan.graph.nodes.values()
        }
        self._prompt = graph_as_json(replace(plan.graph, nodes=self._nodes))
        self._values = {id_: plan.values[id_] for id_ in plan.order}
        self._owners: dict[str, str] = {}  # by node made by expansion, the node that made it
        self._shown_as: dict[str, str] = {}  # by such a node, the node that it is shown as
        self._dynamic = DynamicPrompt(self._nodes, self._owners, self._shown_as)
        self._keys = CacheKeys(self._nodes, self._values, self._owners, catalogue, settings)
        self._roots = list(plan.outputs)
        self._results = ResultStore(self._values, self._roots)
        self._sources: dict[str, dict[str, None]] = {}  # by node, the sources that it needs
        self._expanding: dict[str, CallResults] = {}  # of nodes that wait for their expansion
        self._tasks = Tasks()  # of async nodes
        self._reported: set[str] = set()  # nodes that are in the outcome
        self._finished = 0  # nodes
        self._alike: defaultdict[str, list[str]] = defaultdict(list)  # nodes by key
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._files: defaultdict[str, list[Path]] = defaultdict(list)
        self._outcome = Outcome()

    def run(self) -> Outcome:
        self._enter(self._plan.order)
        original = set(self._nodes)
        if self._cache is not None:
            self._cache.start(self._alike.keys(), original)
            for id_ in self._plan.order:  # as in ComfyUI: also those that nothing asks for now
                if result := self._cached(id_):
                    self._report(id_, result, cached=True)
        try:
            with torch.inference_mode(), self._tasks:
                self._run_roots()
        except _StopError as stop:
            self._stopped(stop)
        finally:
            if self._cache is not None:
                expanded = {self._root(id_) for id_ in self._owners}
                self._cache.keep(self._alike.keys(), original - expanded)
        return self._outcome

    def _stopped(self, stop: _StopError) -> None:
        message = f"{self._label(stop.id)}: {stop}"
        self._outcome.problem = Problem(self._root(stop.id), stop.input, message)
        self._outcome.error = GraphError(f"{self._plan.graph.source}: {message}")
        self._outcome.error.__cause__ = stop.__cause__

    def _root(self, id_: str) -> str:
        """Return the node of the graph whose expansion made a node, or the node itself."""
        while id_ in self._owners:
            id_ = self._owners[id_]
        return id_

    def _label(self, id_: str) -> str:
        made = f", made by {self._label(self._owners[id_])}" if id_ in self._owners else ""
        return self._nodes[id_].label + made

    def _title(self, id_: str) -> str:
        node = self._nodes[id_]
        return node.title or self._schema(id_).display_name or node.class_type

    def _schema(self, id_: str) -> Schema:
        return self._catalogue.require(self._nodes[id_].class_type)

    def _enter(self, ids: Iterable[str]) -> None:
        """Register nodes: the links that they read, and which have equal keys."""
        for id_ in ids:
            self._results.expect(self._results.links(id_))
            key = self._keys.of(id_)
            if key is not None:
                self._alike[key].append(id_)

    def _run_roots(self) -> None:
        """Run the output nodes, and what they depend on, until none is left.

        An async node does not hold up nodes that do not need it.
        """
        while self._roots:
            waiting: set[str] = set()
            before = self._finished
            for root in [*self._roots]:
                if self._run_root(root, waiting):
                    self._roots.remove(root)
            if self._roots and self._finished == before:
                self._tasks.wait()

    def _run_root(self, root: str, waiting: set[str]) -> bool:
        """Run what `root` depends on, then the node itself: depth first, without recursion.

        waiting: nodes that wait for async ones; more are added

        Returns whether it has run; otherwise it waits for an async node.
        """
        stack = [root]
        path: set[str] = set()
        while stack:
            id_ = stack[-1]
            needs = [] if self._results.is_done(id_) else self._step(id_)
            free = [need for need in needs or () if need not in waiting]
            if not free:
                if needs is None or needs:
                    waiting.add(id_)
                path.discard(id_)
                stack.pop()
                continue
            path.add(id_)
            for need in free:
                if need in path:
                    raise _StopError(
                        id_, f"waits for node {need}, which waits for this node: a cycle"
                    )
            stack += reversed(free)
        return root not in waiting

    def _step(self, id_: str) -> list[str] | None:
        """Advance a node as far as possible.

        Returns the nodes that it waits for, none if it is done; None if it waits for an async call.
        """
        if id_ in self._tasks:
            return self._called(id_)
        if id_ in self._expanding:
            return self._resolve(id_)
        if result := self._cached(id_):
            self._finish(id_, result, cached=True)
            return []
        if any(other in self._tasks for other in self._alike.get(self._keys.of(id_) or "", ())):
            return None  # a node with the same key runs already
        schema = self._schema(id_)
        sources = self._sources.setdefault(id_, self._first_sources(id_, schema))
        class_ = self._catalogue.node(self._nodes[id_].class_type)
        hidden = self._hidden(id_, schema)
        while True:
            if needs := self._unfinished(sources):
                return needs
            inputs = self._inputs(id_, schema)
            if overridden(class_, "check_lazy_status") is None:
                break
            with self._working(id_):
                wanted = ask_lazy(class_, schema, inputs, hidden)
            more = self._sources_of(id_, wanted)
            if more.keys() <= sources.keys():
                break
            sources |= more
        if iscoroutinefunction(class_.execute):
            own, bar = self._own_settings(id_)
            with self._named(id_), host.using(own):
                calling = call_async(class_, schema, inputs, hidden, id_)
                self._tasks.start(id_, lambda: self._timed(id_, calling, bar))
            return self._called(id_)
        self._tasks.advance()
        with self._working(id_):
            results = call(class_, schema, inputs, hidden, id_)
        return self._take(id_, results)

    def _called(self, id_: str) -> list[str] | None:
        """Finish the call of an async node if it has returned."""
        if not self._tasks.is_done(id_):
            return None
        with self._named(id_):
            results = self._tasks.result(id_)
        return self._take(id_, results)

    def _take(self, id_: str, results: CallResults) -> list[str]:
        """Finish a node whose calls have returned, or begin with its expansion."""
        if any(one.expand is not None for one in results.calls):
            return self._expand(id_, results)
        outputs = merged([one.values for one in results.calls], self._schema(id_).outputs)
        self._complete(id_, outputs, results)
        return []

    def _cached(self, id_: str) -> NodeResult | None:
        """Return the result of a node with the same key, of this run or the previous one."""
        key = self._keys.of(id_)
        if key is None:
            return None
        kept = self._cache.get(key) if self._cache is not None else None
        return kept or self._results.shared(id_)

    def _first_sources(self, id_: str, schema: Schema) -> dict[str, None]:
        """Return the sources that a node needs first: those of inputs that are not lazy."""
        values = self._values[id_]
        waiting = present(schema.inputs, values)
        lazy = {spec.id for spec in waiting if spec.lazy or spec.raw_link}
        return {v.node: None for n, v in values.items() if isinstance(v, Link) and n not in lazy}

    def _unfinished(self, sources: Iterable[str]) -> list[str]:
        return [id_ for id_ in sources if not self._results.is_done(id_)]

    def _sources_of(self, id_: str, wanted: Iterable[str]) -> dict[str, None]:
        """Return the nodes that the wanted inputs are linked to."""
        values = self._values[id_]
        for name in wanted:
            if name not in values:
                raise _StopError(id_, f"asks for its input {name!r}, which is not connected", name)
        links = (values[name] for name in wanted)
        return {link.node: None for link in links if isinstance(link, Link)}

    def _inputs(self, id_: str, schema: Schema) -> Lists:
        """Return the elements by input.

        Lazy inputs that were not asked for are None, even if another node had them evaluated.
        """
        inputs: dict[str, list[Any]] = {}
        raw = {spec.id for spec in present(schema.inputs, self._values[id_]) if spec.raw_link}
        for name, value in self._values[id_].items():
            if not isinstance(value, Link):
                inputs[name] = [value]
                continue
            if name in raw:
                inputs[name] = [[value.node, value.slot]]
                continue
            needed = value.node in self._sources[id_]
            inputs[name] = self._results.elements(value) if needed else [None]
            if not inputs[name] and not schema.is_input_list:
                source = self._label(value.node)
                raise _StopError(id_, f"input {name!r}: {source} returned an empty list", name)
        return inputs

    def _hidden(self, id_: str, schema: Schema) -> HiddenHolder:
        asked = set(schema.hidden)
        if schema.is_output_node:
            asked |= {Hidden.prompt, Hidden.extra_pnginfo}
        workflow = self._plan.graph.workflow
        return HiddenHolder(
            id_ if Hidden.unique_id in asked else None,
            self._prompt if Hidden.prompt in asked else None,
            {"workflow": workflow} if workflow and Hidden.extra_pnginfo in asked else None,
            self._dynamic if Hidden.dynprompt in asked else None,
        )

    def _own_settings(self, id_: str) -> tuple[host.Settings, Bar]:
        """Return the settings of the run with files and warnings of the node, and its bar."""

        def saved(path: Path) -> None:
            self._files[id_].append(path)
            self._settings.saved(path)

        def warned(text: str) -> None:
            self._outcome.warnings.append(f"{self._label(id_)}: {text}")

        own = replace(self._settings, saved=saved, warned=warned)
        bar = Bar(partial(self._progress or _no_bar, self._title(id_)))
        if self._progress is not None:
            own = replace(own, progress=bar.start)
        return own, bar

    @contextmanager
    def _working(self, id_: str) -> Iterator[None]:
        """Run the body for a node: with its settings, its time measured, its errors named."""
        started = time.perf_counter()
        try:
            own, bar = self._own_settings(id_)
            with self._named(id_), host.using(own):
                yield
            bar.fill()
        finally:
            self._seconds[id_] += time.perf_counter() - started

    async def _timed(self, id_: str, calling: Awaitable[CallResults], bar: Bar) -> CallResults:
        """Measure the time of an async node from its start to its end, and then fill its bar."""
        started = time.perf_counter()
        try:
            results = await calling
            bar.fill()
            return results
        finally:
            self._seconds[id_] += time.perf_counter() - started

    @contextmanager
    def _named(self, id_: str) -> Iterator[None]:
        """Run the body for a node: a `KinographError` stops the run; any other exception gets a
        note that names the node."""
        try:
            yield
        except KinographError as error:
            raise _StopError(id_, str(error)) from error
        except Exception as error:
            if is_shortage(error):
                raise _StopError(id_, SHORTAGE) from error
            # As `add_note` does, which Python 3.10 lacks.
            vars(error).setdefault("__notes__", []).append(self._label(id_))
            raise

    def _expand(self, id_: str, results: CallResults) -> list[str]:
        """Add the graphs that a node returned to the run; its result follows from theirs."""
        try:
            made = expanded_nodes(results, self._nodes.keys(), self._catalogue)
        except GraphError as error:
            raise _StopError(id_, str(error)) from error
        self._nodes |= made
        self._values |= {new: node.inputs for new, node in made.items()}
        self._owners |= dict.fromkeys(made, id_)
        own = self._dynamic.get_display_node_id(id_)
        self._shown_as |= {**dict.fromkeys(made, own), **display_ids(results)}
        self._enter(made)
        self._results.expect(result_links(results))
        self._roots += [new for new in made if self._schema(new).is_output_node]
        self._expanding[id_] = results
        return self._resolve(id_)

    def _resolve(self, id_: str) -> list[str]:
        """Finish a node that has expanded once the sources of its outputs have run."""
        results = self._expanding[id_]
        links = result_links(results)
        if needs := self._unfinished(dict.fromkeys(link.node for link in links)):
            return needs
        del self._expanding[id_]
        elements = {link: self._results.elements(link) for link in links}
        self._complete(id_, resolved(results, self._schema(id_).outputs, elements), results)
        self._results.release(links)
        return []

    def _complete(self, id_: str, outputs: tuple[list[Any], ...], results: CallResults) -> None:
        files = tuple(path for path in self._files.pop(id_, []) if path.exists())
        result = NodeResult(outputs, results.shown, files, results.blocked)
        key = self._keys.of(id_)
        if key is not None:
            if self._cache is not None:
                self._cache.put(key, result, self._root(id_) if id_ in self._owners else "")
            for other in self._alike[key]:
                if other != id_:
                    self._results.share(other, result)
        self._finish(id_, result, cached=False)

    def _finish(self, id_: str, result: NodeResult, *, cached: bool) -> None:
        self._results.finish(id_, result)
        self._finished += 1
        if id_ not in self._reported:
            self._report(id_, result, cached=cached)

    def _report(self, id_: str, result: NodeResult, *, cached: bool) -> None:
        """Add a node to the outcome, and what kept it from running to the warnings."""
        self._reported.add(id_)
        for message in result.blocked:
            self._outcome.warnings.append(f"{self._label(id_)}: not run: {message}")
        self._outcome.runs.append(
            NodeRun(
                id_,
                self._title(id_),
                self._seconds.pop(id_, 0.0),
                "\n".join(str(line) for line in result.shown.get("text", ())),
                self._schema(id_).is_output_node,
                self._nodes[id_].class_type,
                cached,
                tuple(path for path in result.files if path.exists()),
                result.shown,
            )
        )
