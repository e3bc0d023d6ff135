"""What families declare, read from their source: menus need their names, not PyTorch.

A module whose declaration cannot be read like this is imported, with the same result.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_DEFAULTS = {"suffixes": (), "order": 1000}  # of `Family`


@dataclass(frozen=True)
class Declared:
    """The part of a `Family` that menus need."""

    name: str
    task: str
    suffixes: tuple[str, ...]
    order: int


def declared(path: Path) -> tuple[Declared, ...]:
    """Return what the module at `path` declares as FAMILY or FAMILIES; () if that takes an import.

    It can be read where each is a call with literal arguments, or one such call for each item of a
    literal.
    """
    module = _parsed(path)
    values = {
        target.id: node.value
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    tasks = _tasks(path.parents[1] / "family.py")
    try:
        found = values.get("FAMILY") or values["FAMILIES"]
        return tuple(_one(call, tasks, names) for call, names in _calls(found, values))
    except (KeyError, ValueError):
        return ()


def _calls(
    node: ast.expr, values: dict[str, ast.expr]
) -> Iterator[tuple[ast.Call, dict[str, Any]]]:
    """Yield the calls that make families, each with the values of the names in it."""
    match node:
        case ast.Tuple(elts=items):
            for item in items:
                yield from _calls(item, values)
        case ast.Call(
            func=ast.Name(id="tuple"),
            args=[
                ast.GeneratorExp(
                    elt=ast.Call() as call,
                    generators=[
                        ast.comprehension(
                            target=ast.Name(id=name), iter=ast.Name(id=source), ifs=[]
                        )
                    ],
                )
            ],
        ):
            for value in ast.literal_eval(values[source]):
                yield call, {name: value}
        case ast.Call():
            yield node, {}
        case _:
            raise ValueError("not a declaration")


def _one(call: ast.Call, tasks: dict[str, str], names: dict[str, Any]) -> Declared:
    """Return what a call declares. Raises `KeyError` and `ValueError` for other than literals."""
    given = {word.arg: word.value for word in call.keywords}

    def value(field: str, default: Any) -> Any:
        node = given.get(field)
        if node is None:
            return default
        return names[node.id] if isinstance(node, ast.Name) else ast.literal_eval(node)

    if call.args or None in given or "name" not in given or not isinstance(call.func, ast.Name):
        raise ValueError("not a declaration")
    return Declared(
        value("name", None),
        value("task", tasks[call.func.id]),
        **{field: value(field, default) for field, default in _DEFAULTS.items()},
    )


@cache
def _tasks(path: Path) -> dict[str, str]:
    """Return the task of each class of families in a module, as its default says."""
    return {
        node.name: ast.literal_eval(field.value)
        for node in _parsed(path).body
        if isinstance(node, ast.ClassDef)
        for field in node.body
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and field.target.id == "task"
        and field.value is not None
    }


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
