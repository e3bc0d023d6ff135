"""Calling a node as ComfyUI does: for each element of its inputs, with what it asks of the run."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any

import torch

from ...nodes.standin.graph_builder import set_place
from ...nodes.standin.io import ExecutionBlocker, HiddenHolder, NodeOutput, OutputSpec, Schema
from ..graph.catalogue import NodeClass

Lists = Mapping[str, list[Any]]  # by input, its elements


@dataclass(frozen=True)
class Part:
    """What one call gave: values of the outputs, and a graph to run if it expands."""

    values: tuple[Any, ...]
    expand: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Answer:
    """What a node gave.

    parts:   one for each call that gave values
    shown:   by kind, what all calls showed
    blocked: why calls were left out
    """

    parts: tuple[Part, ...]
    shown: Mapping[str, list[Any]]
    blocked: tuple[str, ...] = ()


def call(
    class_: NodeClass, schema: Schema, inputs: Lists, hidden: HiddenHolder, id_: str
) -> Answer:
    """Run `class_.execute` for each element of the inputs; the last one of a shorter list is used
    again. A node with `is_input_list` is called once, with the lists."""
    given = list(_calls(inputs, schema.is_input_list))
    blockers = [_blocker(values, schema.is_input_list) for values in given]
    bound = _with_hidden(class_, hidden)
    free = {i: values for i, values in enumerate(given) if blockers[i] is None}
    if iscoroutinefunction(class_.execute):
        answers = _finished(lambda: _together(bound, free, id_))
    else:
        answers = {}
        for i, values in free.items():
            set_place(id_, i)
            answers[i] = bound.execute(**values)
    parts, shown = [], []
    for i, blocker in enumerate(blockers):
        if blocker is not None:
            # It was said here; further on it is silent.
            parts.append(Part((ExecutionBlocker(None),) * len(schema.outputs)))
            continue
        output = _normal(answers[i], class_, schema)
        if output.ui is not None:
            shown.append(output.ui if isinstance(output.ui, dict) else output.ui.as_dict())
        given_back: tuple[Any, ...] = output.args
        if output.block_execution is not None:
            given_back = (ExecutionBlocker(output.block_execution),) * len(schema.outputs)
        if given_back or output.expand is not None:
            parts.append(Part(given_back, output.expand))
    said = tuple(b.message for b in blockers if b is not None and b.message is not None)
    return Answer(tuple(parts), _merged_shown(shown), said)


def ask_lazy(class_: NodeClass, schema: Schema, inputs: Lists, hidden: HiddenHolder) -> list[str]:
    """The lazy inputs that the node wants, for any element; what is not known yet is None."""
    bound = _with_hidden(class_, hidden)
    wanted: dict[str, None] = {}
    for values in _calls(inputs, schema.is_input_list):
        if _blocker(values, schema.is_input_list) is None:
            wanted |= dict.fromkeys(bound.check_lazy_status(**values) or ())
    return list(wanted)


def merged(
    parts: Sequence[tuple[Any, ...]], outputs: Sequence[OutputSpec]
) -> tuple[list[Any], ...]:
    """By output, the elements that all calls gave; a list output's lists are joined.

    A node may give fewer values than it has outputs; those have no list here.
    """
    lists = []
    for slot in range(min(len(outputs), max((len(part) for part in parts), default=0))):
        elements: list[Any] = []
        for part in parts:
            value = part[slot] if slot < len(part) else None
            if outputs[slot].is_output_list and not isinstance(value, ExecutionBlocker):
                elements.extend(value or ())
            else:
                elements.append(value)
        lists.append(elements)
    return tuple(lists)


def _calls(inputs: Lists, whole: bool) -> Iterator[dict[str, Any]]:
    if whole or not inputs:
        yield {name: list(values) for name, values in inputs.items()}
        return
    for i in range(max(len(values) for values in inputs.values())):
        yield {name: values[min(i, len(values) - 1)] for name, values in inputs.items()}


def _blocker(values: Mapping[str, Any], whole: bool) -> ExecutionBlocker | None:
    found = (v for value in values.values() for v in (value if whole else [value]))
    return next((v for v in found if isinstance(v, ExecutionBlocker)), None)


def _with_hidden(class_: NodeClass, hidden: HiddenHolder) -> NodeClass:
    """The class with `hidden` of this run: a class of its own, as runs may be at the same time."""
    if hidden == HiddenHolder():
        return class_
    return type(class_.__name__, (class_,), {"hidden": hidden, "__module__": class_.__module__})


def _normal(output: Any, class_: NodeClass, schema: Schema) -> NodeOutput:
    if isinstance(output, ExecutionBlocker):
        # A silent one stands in each output; block_execution=None means that there is none.
        return NodeOutput(*[output] * len(schema.outputs))
    if isinstance(output, tuple) or output is None:
        output = NodeOutput(*(output or ()))
    if not isinstance(output, NodeOutput):
        raise TypeError(f"{class_.__name__}.execute: expected a NodeOutput, found {type(output)}")
    if output.expand is not None and not schema.enable_expand:
        raise TypeError(f"{class_.__name__}: it expands, so its schema must say enable_expand=True")
    return output


def _merged_shown(shown: Sequence[Mapping[str, Any]]) -> Mapping[str, list[Any]]:
    if not shown:
        return {}
    return {kind: [item for one in shown for item in one[kind]] for kind in shown[0]}


async def _together(
    bound: NodeClass, calls: Mapping[int, Mapping[str, Any]], id_: str
) -> dict[int, Any]:
    tasks = {}
    for i, values in calls.items():
        set_place(id_, i)  # a task has the context of when it was made
        tasks[i] = asyncio.ensure_future(bound.execute(**values))
    await asyncio.gather(*tasks.values())
    return {i: task.result() for i, task in tasks.items()}


def _finished(make: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """The result of a coroutine, also where this thread runs an event loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(make())

    def inferring() -> Any:
        with torch.inference_mode():  # of a thread, not of a context
            return asyncio.run(make())

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(copy_context().run, inferring).result()
