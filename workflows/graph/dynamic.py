"""Inputs that depend on others: dynamic combos and inputs that grow.

In a graph such inputs have dotted names: `format`, `format.codec`, `images.image0`. A node takes
them as mappings within mappings.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from inspect import getfullargspec
from typing import Any

from ...nodes.standin.io import InputSpec, Schema


def present(specs: Iterable[InputSpec], given: Mapping[str, Any]) -> list[InputSpec]:
    """Return the inputs that a node has with these values, with dotted names.

    Those of the options that are chosen, and all that an input may grow to; what must be there is
    not optional.

    given: values by dotted name
    """
    return [found for spec in specs for found in _present(spec, spec.id, given)]


def possible(specs: Iterable[InputSpec]) -> list[InputSpec]:
    """Return the inputs that a node can have with any values, with dotted names, each once."""
    found: dict[str, InputSpec] = {}
    for spec in specs:
        for one in _present(spec, spec.id, None):
            found.setdefault(one.id, one)
    return list(found.values())


def _present(spec: InputSpec, path: str, given: Mapping[str, Any] | None) -> Iterator[InputSpec]:
    if spec.grows is not None:
        for number, name in enumerate(spec.grows.names):
            one = spec.grows.spec
            optional = one.optional or number >= spec.grows.least
            yield replace(one, id=f"{path}.{name}", optional=optional)
        return
    yield replace(spec, id=path)
    for key, children in spec.branches.items():
        if given is None or given.get(path) == key:
            for child in children:
                yield from _present(child, f"{path}.{child.id}", given)


def nested(
    specs: Iterable[InputSpec], values: Mapping[str, Any], *, named: bool = False
) -> dict[str, Any]:
    """Return values by dotted name as the node takes them, mappings within mappings.

    A dynamic combo is a mapping of its own name to the chosen option, and of the inputs that this
    brings; an input that grows is a mapping of what is there, maybe empty. Values of undeclared
    inputs stay as they are.

    named: each value within a mapping is a pair of it and its dotted name, as a node's
           `check_lazy_status` gets them to name what it needs
    """
    rest = dict(values)
    made = {
        spec.id: _gathered(spec, spec.id, rest, named)
        for spec in specs
        if spec.grows is not None or (spec.branches and spec.id in rest)
    }
    return {**rest, **made}


def _gathered(spec: InputSpec, path: str, rest: dict[str, Any], named: bool) -> dict[str, Any]:
    """Take the values below `path` out of `rest`."""

    def taken(name: str) -> Any:
        value = rest.pop(name)
        return (value, name) if named else value

    if spec.grows is not None:
        names = (name for name in spec.grows.names if f"{path}.{name}" in rest)
        return {name: taken(f"{path}.{name}") for name in names}
    chosen = rest[path]
    if isinstance(chosen, list) and chosen:  # of a node that takes lists
        chosen = chosen[0]
    inner = {spec.id: taken(path)}
    for child in spec.branches.get(chosen, ()) if isinstance(chosen, str) else ():
        below = f"{path}.{child.id}"
        if child.grows is not None or (child.branches and below in rest):
            inner[child.id] = _gathered(child, below, rest, named)
        elif below in rest:
            inner[child.id] = taken(below)
    return inner


def is_passed_on(class_: Any, schema: Schema, *, linked: bool) -> bool:
    """Return whether a node gets what an input has that it does not declare.

    As in ComfyUI: what is linked goes to every node whose `execute` takes further arguments, what
    is typed in only to those that say so.
    """
    return getfullargspec(class_.execute).varkw is not None if linked else schema.accept_all_inputs
