"""Running a checked graph, as ComfyUI does."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...engines.errors import GraphError, KinographError
from ...nodes.standin import host
from ...nodes.standin.io import Hidden, HiddenHolder, Schema, overridden
from ..graph.catalogue import Catalogue
from ..graph.model import Link, graph_as_json
from ..graph.plan import Plan, Problem
from .caching import Keys, Result, ResultCache
from .calling import Answer, Lists, ask_lazy, call, merged
from .expansion import made_nodes, resolved, result_links
from .holding import Results
from .outcome import NodeRun, Outcome, Progress


def run_plan(
    plan: Plan,
    catalogue: Catalogue,
    settings: host.Settings,
    progress: Progress | None = None,
    cache: ResultCache | None = None,
) -> Outcome:
    """Run the output nodes of `plan` and what they need. A node that fails for a reason that the
    user can mend stops the run; what was done until then stands in the outcome.

    progress: makes a bar for a node from its title and its number of frames
    cache:    where results are kept for the next run; without one they go after their last use
    """
    return _Run(plan, catalogue, settings, progress, cache).run()


class _StopError(Exception):
    """The node `id` failed, at its input `input` or ""."""

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
        self._owners: dict[str, str] = {}  # by node made during the run, who made it
        self._keys = Keys(self._nodes, self._values, self._owners, catalogue, settings)
        self._roots = list(plan.outputs)
        self._results = Results(self._values, self._roots)
        self._sources: dict[str, dict[str, None]] = {}  # by node, those that it has asked for
        self._answers: dict[str, Answer] = {}  # of nodes that have expanded and wait for it
        self._alike: defaultdict[str, list[str]] = defaultdict(list)  # by key
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._files: defaultdict[str, list[Path]] = defaultdict(list)
        self._outcome = Outcome()

    def run(self) -> Outcome:
        self._enter(self._plan.order)
        given = set(self._nodes)
        if self._cache is not None:
            self._cache.keep(self._alike.keys(), given)
        try:
            while self._roots:
                self._reach(self._roots[0])
                del self._roots[0]
        except _StopError as stop:
            self._stopped(stop)
        finally:
            if self._cache is not None:
                self._cache.keep(self._alike.keys(), given - {self._root(i) for i in self._owners})
        return self._outcome

    def _stopped(self, stop: _StopError) -> None:
        message = f"{self._label(stop.id)}: {stop}"
        self._outcome.problem = Problem(self._root(stop.id), stop.input, message)
        self._outcome.error = GraphError(f"{self._plan.graph.source}: {message}")
        self._outcome.error.__cause__ = stop.__cause__

    def _root(self, id_: str) -> str:
        """The node of the graph that the node was made by, if it was made by one."""
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
        """Take nodes into the books: who reads whom, and which give the same."""
        for id_ in ids:
            self._results.expect(self._results.links(id_))
            key = self._keys.of(id_)
            if key is not None:
                self._alike[key].append(id_)

    def _reach(self, root: str) -> None:
        """Run what `root` needs, then itself: depth first, without recursion."""
        stack = [root]
        waiting: set[str] = set()
        while stack:
            id_ = stack[-1]
            needs = [] if self._results.is_done(id_) else self._step(id_)
            if not needs:
                waiting.discard(id_)
                stack.pop()
                continue
            waiting.add(id_)
            for need in needs:
                if need in waiting:
                    raise _StopError(id_, f"waits for node {need}, which waits for it: a cycle")
            stack += reversed(needs)

    def _step(self, id_: str) -> list[str]:
        """Do what can be done for a node; returns the nodes that it waits for, none when done."""
        if id_ in self._answers:
            return self._resolve(id_)
        if known := self._known(id_):
            self._finish(id_, known, cached=True)
            return []
        schema = self._schema(id_)
        sources = self._sources.setdefault(id_, self._first_sources(id_, schema))
        class_ = self._catalogue.node(self._nodes[id_].class_type)
        hidden = self._hidden(id_, schema)
        while True:
            if needs := self._open(sources):
                return needs
            inputs = self._inputs(id_, schema)
            if overridden(class_, "check_lazy_status") is None:
                break
            wanted = self._under(id_, lambda: ask_lazy(class_, schema, inputs, hidden))  # noqa: B023
            more = self._asked_for(id_, wanted)
            if more.keys() <= sources.keys():
                break
            sources |= more
        answer: Answer = self._under(id_, lambda: call(class_, schema, inputs, hidden, id_))
        for message in answer.blocked:
            self._outcome.warnings.append(f"{self._label(id_)}: not run: {message}")
        if any(part.expand is not None for part in answer.parts):
            return self._expand(id_, answer)
        self._give(id_, merged([part.values for part in answer.parts], schema.outputs), answer)
        return []

    def _known(self, id_: str) -> Result | None:
        """The result of a node alike, of this run or of the one before."""
        key = self._keys.of(id_)
        if key is None:
            return None
        kept = self._cache.get(key) if self._cache is not None else None
        return kept or self._results.lent(id_)

    def _first_sources(self, id_: str, schema: Schema) -> dict[str, None]:
        """The nodes that are needed before a node can be asked for more: not those of lazy
        inputs."""
        lazy = {spec.id for spec in schema.inputs if spec.lazy}
        values = self._values[id_].items()
        return {v.node: None for n, v in values if isinstance(v, Link) and n not in lazy}

    def _open(self, sources: Iterable[str]) -> list[str]:
        return [id_ for id_ in sources if not self._results.is_done(id_)]

    def _asked_for(self, id_: str, wanted: Iterable[str]) -> dict[str, None]:
        """The nodes that the wanted inputs come from."""
        values = self._values[id_]
        for name in wanted:
            if name not in values:
                raise _StopError(id_, f"asks for its input {name!r}, which is not connected", name)
        links = (values[name] for name in wanted)
        return {link.node: None for link in links if isinstance(link, Link)}

    def _inputs(self, id_: str, schema: Schema) -> Lists:
        """By input its elements; None for lazy ones that were not asked for, even where some
        other node has had them evaluated."""
        inputs: dict[str, list[Any]] = {}
        for name, value in self._values[id_].items():
            if not isinstance(value, Link):
                inputs[name] = [value]
                continue
            known = value.node in self._sources[id_]
            inputs[name] = self._results.elements(value) if known else [None]
            if not inputs[name] and not schema.is_input_list:
                source = self._label(value.node)
                raise _StopError(id_, f"input {name!r}: {source} gave an empty list", name)
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
        )

    def _under(self, id_: str, work: Callable[[], Any]) -> Any:
        """Do a node's work under the settings of the run, with its own bar; errors that the user
        can mend stop the run."""

        def saved(path: Path) -> None:
            self._files[id_].append(path)
            self._settings.saved(path)

        def warned(text: str) -> None:
            self._outcome.warnings.append(f"{self._label(id_)}: {text}")

        own = replace(self._settings, saved=saved, warned=warned)
        if self._progress is not None:
            own = replace(own, progress=partial(self._progress, self._title(id_)))
        started = time.perf_counter()
        try:
            with host.using(own), torch.inference_mode():
                return work()
        except KinographError as error:
            raise _StopError(id_, str(error)) from error
        finally:
            self._seconds[id_] += time.perf_counter() - started

    def _expand(self, id_: str, answer: Answer) -> list[str]:
        """Take the graphs that a node gave into the run; its result follows from theirs."""
        try:
            made = made_nodes(answer, self._nodes.keys(), self._catalogue)
        except GraphError as error:
            raise _StopError(id_, str(error)) from error
        self._nodes |= made
        self._values |= {new: node.inputs for new, node in made.items()}
        self._owners |= dict.fromkeys(made, id_)
        self._enter(made)
        self._results.expect(result_links(answer))
        self._roots += [new for new in made if self._schema(new).is_output_node]
        self._answers[id_] = answer
        return self._resolve(id_)

    def _resolve(self, id_: str) -> list[str]:
        """Finish a node that has expanded, once what its outputs come from has run."""
        answer = self._answers[id_]
        links = result_links(answer)
        if needs := self._open(dict.fromkeys(link.node for link in links)):
            return needs
        del self._answers[id_]
        elements = {link: self._results.elements(link) for link in links}
        self._give(id_, resolved(answer, self._schema(id_).outputs, elements), answer)
        self._results.release(links)
        return []

    def _give(self, id_: str, outputs: tuple[list[Any], ...], answer: Answer) -> None:
        result = Result(outputs, answer.shown)
        key = self._keys.of(id_)
        if key is not None:
            if self._cache is not None:
                self._cache.put(key, result, self._root(id_) if id_ in self._owners else "")
            for other in self._alike[key]:
                if other != id_:
                    self._results.lend(other, result)
        self._finish(id_, result, cached=False)

    def _finish(self, id_: str, result: Result, *, cached: bool) -> None:
        self._results.finish(id_, result)
        self._outcome.runs.append(
            NodeRun(
                id_,
                self._title(id_),
                self._seconds.pop(id_, 0.0),
                "\n".join(str(line) for line in result.shown.get("text", ())),
                self._schema(id_).is_output_node,
                self._nodes[id_].class_type,
                cached,
                tuple(path for path in self._files.pop(id_, []) if path.exists()),
                result.shown,
            )
        )
