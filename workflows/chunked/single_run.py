"""The nodes of a chunked run that run once."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ...engines.errors import GraphError, KinographError
from ...engines.memory import SHORTAGE, is_shortage
from ...nodes.standin import host
from ...nodes.standin.io import HiddenHolder
from ..execution.caching import CacheKeys, NodeResult, ResultCache
from ..execution.calling import call, merged
from ..execution.outcome import NodeRun
from ..graph.catalogue import Catalogue
from ..graph.model import Link, graph_as_json
from .layout import Layout, Slot

_WARNINGS = 3  # at most, of a node that warns in chunk after chunk


class SingleRunNodes:
    """Runs nodes once and keeps what they gave; it also records what all nodes of the run did.

    given:    outputs that are known as a whole
    runs:     what each node did
    warnings: the warnings of all nodes, each once
    begins:   called with a node before it runs
    saves:    called with a node and each path before it writes to it
    ends:     called with a node after it has run
    fresh:    nodes that run although their results are in the cache: what they saved is gone

    Pictures of the nodes `resident` stay on the device that they were made on, see `residence`.
    """

    def __init__(
        self,
        layout: Layout,
        catalogue: Catalogue,
        settings: host.Settings,
        cache: ResultCache | None = None,
        resident: Collection[str] = (),
    ):
        self.layout = layout
        self.catalogue = catalogue
        self.given: dict[Slot, Any] = {}
        self.runs: dict[str, NodeRun] = {}
        self.warnings: dict[str, None] = {}
        self.begins: Callable[[str], None] = lambda id_: None
        self.saves: Callable[[str, Path], None] = lambda id_, path: None
        self.ends: Callable[[str], None] = lambda id_: None
        self.fresh: set[str] = set()
        self._done: set[str] = set()
        self._settings = settings
        self._resident = resident
        self._cache = cache
        graph, values = layout.original.graph, layout.original.values
        nodes = {
            node.id: replace(node, inputs={**node.inputs, **values.get(node.id, {})})
            for node in graph.nodes.values()
        }
        prompt = graph_as_json(replace(graph, nodes=nodes))
        extra = {"workflow": graph.workflow} if graph.workflow else None
        self.hidden = HiddenHolder(None, prompt, extra)
        self._keys = CacheKeys(
            nodes, {id_: values[id_] for id_ in layout.original.order}, {}, catalogue, settings
        )

    def run(self, ids: Sequence[str]) -> None:
        """Run nodes in this order. Raises `GraphError` that names a node that fails."""
        for id_ in ids:
            key = self._keys.of(id_)
            cache = None if id_ in self.fresh else self._cache
            known = cache.get(key) if cache is not None and key is not None else None
            result = known or self._run(id_)
            if self._cache is not None and key is not None:
                self._cache.put(key, result)
            for slot, elements in enumerate(result.outputs):
                if len(elements) != 1:
                    raise self.failure(
                        id_, f"gives a list of {len(elements)}; run it without --chunk"
                    )
                self.given[id_, slot] = elements[0]
            self.say(id_, "\n".join(str(line) for line in result.shown.get("text", ())))

    def run_up_to(self, *ids: str) -> None:
        """Run nodes, and first the nodes they need that have not run yet."""
        stack = [(id_, False) for id_ in reversed(ids)]
        while stack:
            id_, ready = stack.pop()
            if id_ in self._done or id_ in self.layout.sources:
                continue
            if ready:
                self._done.add(id_)
                self.run((id_,))
                continue
            stack.append((id_, True))
            stack += [
                (value.node, False)
                for value in self.layout.plan.values[id_].values()
                if isinstance(value, Link) and (value.node, value.slot) not in self.given
            ]

    def keep_only(self, ids: Sequence[str]) -> None:
        """Drop all results from the cache but those of these nodes."""
        if self._cache is not None:
            keys = [key for id_ in ids if (key := self._keys.of(id_)) is not None]
            self._cache.keep(keys, set())

    def _run(self, id_: str) -> NodeResult:
        class_type = self.class_of(id_)
        schema = self.catalogue.require(class_type)
        inputs = {
            name: [whole(self.given[value.node, value.slot]) if isinstance(value, Link) else value]
            for name, value in self.layout.plan.values[id_].items()
        }
        hidden = self.hidden if schema.is_output_node else HiddenHolder()
        self.begins(id_)
        with self.named(id_, saved=lambda path: self.saves(id_, path)):
            answer = call(self.catalogue.node(class_type), schema, inputs, hidden, id_)
        self.ends(id_)
        if answer.blocked or any(one.expand is not None for one in answer.calls):
            raise self.failure(id_, "blocks or makes other nodes; run it without --chunk")
        return NodeResult(merged([p.values for p in answer.calls], schema.outputs), answer.shown)

    def class_of(self, id_: str) -> str:
        return self.layout.plan.graph.nodes[id_].class_type

    def failure(self, id_: str, message: str) -> GraphError:
        graph = self.layout.plan.graph
        return GraphError(f"{graph.source}: {graph.nodes[id_].label}: {message}")

    @contextmanager
    def named(self, id_: str, saved: Callable[[Path], None] | None = None) -> Iterator[None]:
        """Run the body as the node: with the run's settings, the node's name in errors and
        warnings, and its time counted.

        saved: called with each path before the node writes to it
        """
        label = self.layout.plan.graph.nodes[id_].label

        def warned(text: str) -> None:
            said = sum(line.startswith(f"{label}: ") for line in self.warnings)
            more = "there is more of the kind in other frames"
            self.warnings[f"{label}: {text if said < _WARNINGS else more}"] = None

        started = time.perf_counter()
        try:
            own = replace(
                self._settings,
                warned=warned,
                saved=saved or self._settings.saved,
                resident=id_ in self._resident,
            )
            with host.using(own), torch.inference_mode():
                yield
        except GraphError:
            raise
        except KinographError as error:
            raise self.failure(id_, str(error)) from error
        except (MemoryError, RuntimeError) as error:
            if not is_shortage(error):
                raise
            raise self.failure(id_, SHORTAGE) from error
        self.say(id_, seconds=time.perf_counter() - started)

    def say(self, id_: str, text: str | None = None, seconds: float = 0.0) -> None:
        """Record what a node displays, and that it took `seconds` more."""
        node = self.layout.plan.graph.nodes[id_]
        schema = self.catalogue.require(node.class_type)
        title = node.title or schema.display_name or node.class_type
        known = self.runs.get(id_) or NodeRun(
            id_, title, 0.0, "", schema.is_output_node, node.class_type
        )
        said = known.text if text is None else text
        shown = {"text": [said]} if said else {}
        self.runs[id_] = replace(known, text=said, seconds=known.seconds + seconds, shown=shown)


def whole(value: Any) -> Any:
    """Return a value as nodes that run once take it: sound is read from its file."""
    from ...engines.video.sound import FileSound

    return value.read() if isinstance(value, FileSound) else value
