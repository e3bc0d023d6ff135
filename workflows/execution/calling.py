"""Call nodes as ComfyUI does: once per element of their inputs, with their hidden inputs."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any

from ...nodes.standin.graph_builder import set_place
from ...nodes.standin.io import ExecutionBlocker, HiddenHolder, NodeOutput, OutputSpec, Schema
from ..graph.catalogue import NodeClass
from ..graph.coroutines import finished
from ..graph.dynamic import nested

Lists = Mapping[str, list[Any]]  # elements by input


@dataclass(frozen=True)
class CallResult:
    """The result of one call: values of the outputs, and a graph to run if the node expands."""

    values: tuple[Any, ...]
    expand: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class CallResults:
    """The results of all calls of a node.

    calls:   one for each call that returned values
    shown:   what all calls display, by kind
    blocked: the messages of blockers, for which calls were skipped
    """

    calls: tuple[CallResult, ...]
    shown: Mapping[str, list[Any]]
    blocked: tuple[str, ...] = ()


def call(
    class_: NodeClass, schema: Schema, inputs: Lists, hidden: HiddenHolder, id_: str
) -> CallResults:
    """Call `class_.execute` for each element of the inputs.

    The last element of a shorter list is repeated. A node with `is_input_list` is called once, with
    the lists. Calls of an async node run at the same time.
    """
    if iscoroutinefunction(class_.execute):
        results: CallResults = finished(call_async(class_, schema, inputs, hidden, id_))
        return results
    calls = _Calls(class_, schema, inputs, hidden)
    returned = {}
    for i, values in calls.free.items():
        set_place(id_, i)
        returned[i] = calls.bound.execute(**values)
    return calls.results(returned)


async def call_async(
    class_: NodeClass, schema: Schema, inputs: Lists, hidden: HiddenHolder, id_: str
) -> CallResults:
    """Do the same as `call` for a node whose `execute` is async."""
    calls = _Calls(class_, schema, inputs, hidden)
    tasks = {}
    for i, values in calls.free.items():
        set_place(id_, i)  # a task copies the context at its creation
        tasks[i] = asyncio.ensure_future(calls.bound.execute(**values))
    try:
        await asyncio.gather(*tasks.values())
    except BaseException:
        for task in tasks.values():
            task.cancel()
        raise
    return calls.results({i: task.result() for i, task in tasks.items()})


class _Calls:
    """The calls of a node: its class with the hidden inputs, and the arguments of those calls that
    no blocker prevents."""

    def __init__(self, class_: NodeClass, schema: Schema, inputs: Lists, hidden: HiddenHolder):
        self._class, self._schema = class_, schema
        self.bound = _with_hidden(class_, hidden)
        arguments = list(_calls(inputs, schema.is_input_list))
        self._blockers = [_blocker(values, schema.is_input_list) for values in arguments]
        self.free = {
            i: nested(schema.inputs, values)
            for i, values in enumerate(arguments)
            if self._blockers[i] is None
        }

    def results(self, returned: Mapping[int, Any]) -> CallResults:
        """Return the results of all calls from what the free ones returned."""
        schema = self._schema
        calls, shown = [], []
        for i, blocker in enumerate(self._blockers):
            if blocker is not None:
                # Its message is reported here; downstream it is silent.
                calls.append(CallResult((ExecutionBlocker(None),) * len(schema.outputs)))
                continue
            output = _as_node_output(returned[i], self._class, schema)
            if output.ui is not None:
                shown.append(output.ui if isinstance(output.ui, dict) else output.ui.as_dict())
            outputs: tuple[Any, ...] = output.args
            if output.block_execution is not None:
                outputs = (ExecutionBlocker(output.block_execution),) * len(schema.outputs)
            if outputs or output.expand is not None:
                calls.append(CallResult(outputs, output.expand))
        messages = [b.message for b in self._blockers if b is not None and b.message is not None]
        return CallResults(tuple(calls), _merged_shown(shown), tuple(messages))


def ask_lazy(class_: NodeClass, schema: Schema, inputs: Lists, hidden: HiddenHolder) -> list[str]:
    """Return the lazy inputs that the node needs for some element; unevaluated inputs are None."""
    bound = _with_hidden(class_, hidden)
    wanted: dict[str, None] = {}
    for values in _calls(inputs, schema.is_input_list):
        if _blocker(values, schema.is_input_list) is None:
            known = nested(schema.inputs, values, named=True)
            wanted |= dict.fromkeys(finished(bound.check_lazy_status(**known)) or ())
    return list(wanted)


def merged(
    calls: Sequence[tuple[Any, ...]], outputs: Sequence[OutputSpec]
) -> tuple[list[Any], ...]:
    """Return the elements of all calls by output; the lists of list outputs are concatenated.

    A node may return fewer values than it has outputs; the others have no entry.
    """
    lists = []
    for slot in range(min(len(outputs), max((len(values) for values in calls), default=0))):
        elements: list[Any] = []
        for values in calls:
            value = values[slot] if slot < len(values) else None
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
    elements = (v for value in values.values() for v in (value if whole else [value]))
    return next((v for v in elements if isinstance(v, ExecutionBlocker)), None)


def _with_hidden(class_: NodeClass, hidden: HiddenHolder) -> NodeClass:
    """Return the class with `hidden` set: a subclass, as runs may be concurrent."""
    if hidden == HiddenHolder():
        return class_
    return type(class_.__name__, (class_,), {"hidden": hidden, "__module__": class_.__module__})


def _as_node_output(output: Any, class_: NodeClass, schema: Schema) -> NodeOutput:
    if isinstance(output, ExecutionBlocker):
        # It goes to each output, as block_execution=None would mean that there is none.
        return NodeOutput(*[output] * len(schema.outputs))
    if isinstance(output, tuple) or output is None:
        output = NodeOutput(*(output or ()))
    if not isinstance(output, NodeOutput):
        raise TypeError(f"{class_.__name__}.execute: expected a NodeOutput, found {type(output)}")
    if output.expand is not None and not schema.enable_expand:
        raise TypeError(f"{class_.__name__}: expands, so its schema must set enable_expand=True")
    return output


def _merged_shown(shown: Sequence[Mapping[str, Any]]) -> Mapping[str, list[Any]]:
    if not shown:
        return {}
    return {kind: [item for one in shown for item in one[kind]] for kind in shown[0]}
