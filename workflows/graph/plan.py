"""Checking a graph before it runs, as ComfyUI does."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from inspect import getfullargspec
from typing import Any

from ...engines.errors import GraphError, KinographError
from ...nodes.standin.io import WIDGETS, InputSpec, Schema, overridden
from .catalogue import Catalogue, NodeClass
from .model import Graph, Link, Node, short


@dataclass(frozen=True)
class Problem:
    """What is wrong with a node: its id, the input if it is one ("" if not), and the message."""

    node: str
    input: str
    message: str

    def as_dict(self) -> dict[str, str]:
        return {"node": self.node, "input": self.input, "message": self.message}


@dataclass(frozen=True)
class Plan:
    """A graph that has been checked: what to run, in order, with values of the right type.

    order:    ids of the sound output nodes and all that they need, every node after its sources
    values:   by node, the inputs with typed-in values coerced
    warnings: what is odd but does not stop the run
    outputs:  the sound output nodes, in the order of the graph
    problems: why the other output nodes are left out
    """

    graph: Graph
    order: tuple[str, ...]
    values: Mapping[str, Mapping[str, Any]]
    warnings: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass
class _Findings:
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check(graph: Graph, catalogue: Catalogue) -> Plan:
    """Check a graph as ComfyUI does before it runs one: an output node that is wrong, or needs
    something that is, is left out and the others are kept.

    Raises `GraphError` with every problem, one a line, when a node is of an unknown class or no
    output node is left: missing inputs, dangling links, cycles, wrong types, values out of range.
    """
    if unknown := unknown_classes(graph, catalogue):
        raise failure(graph, unknown)
    outputs = [n.id for n in graph.nodes.values() if catalogue.require(n.class_type).is_output_node]
    if not outputs:
        text = "no output node, nothing to run; add one that saves or previews"
        raise failure(graph, [Problem("", "", text)])
    found = _Findings()
    order = _in_order(graph, outputs, found)
    values = {id_: _checked(graph, graph.nodes[id_], catalogue, found) for id_ in order}
    unsound = _unsound(graph, order, found.problems)
    good = [id_ for id_ in outputs if id_ not in unsound]
    if not good:
        raise failure(graph, found.problems)
    order = _in_order(graph, good, found)
    return Plan(
        graph,
        tuple(order),
        {id_: values[id_] for id_ in order},
        tuple(found.warnings),
        tuple(good),
        tuple(found.problems),
    )


def failure(graph: Graph, problems: list[Problem]) -> GraphError:
    """One error that says all `problems`."""
    if len(problems) == 1:
        return GraphError(f"{graph.source}: {problems[0].message}")
    lines = "\n".join(f"  - {problem.message}" for problem in problems)
    return GraphError(f"{graph.source}: {len(problems)} problems\n{lines}")


def unknown_classes(graph: Graph, catalogue: Catalogue, where: str = "here") -> list[Problem]:
    """The nodes whose class is not in the catalogue, each with the nearest name."""
    problems = []
    for node in graph.nodes.values():
        if catalogue.schema(node.class_type) is None:
            near = get_close_matches(node.class_type, catalogue.names(), 1)
            hint = "kinograph nodes lists those there are"
            if where != "here":
                hint = "install the pack that has it there"
            if near:
                hint = f"did you mean {near[0]}?"
            text = f"{node.label}: there is no node class {node.class_type!r} {where}; {hint}"
            problems.append(Problem(node.id, "", text))
    return problems


def _in_order(graph: Graph, outputs: Iterable[str], found: _Findings) -> list[str]:
    """Every node after its sources. Depth first without recursion: a graph from a stranger may be
    deep."""
    order: list[str] = []
    state: dict[str, int] = {}  # 1 on the path, 2 done
    for output in outputs:
        stack = [(output, "", False)]
        path: list[str] = []
        while stack:
            id_, reader, leaving = stack.pop()
            if leaving:
                path.pop()
                state[id_] = 2
                order.append(id_)
                continue
            if state.get(id_) == 2:
                continue
            if state.get(id_) == 1:
                cycle = " -> ".join([*path[path.index(id_) :], id_])
                text = f"node {id_}: the links form a cycle: {cycle}; remove one of them"
                found.problems.append(Problem(reader, "", text))
                continue
            state[id_] = 1
            path.append(id_)
            stack.append((id_, "", True))
            for _, link in graph.nodes[id_].links():
                if link.node in graph.nodes:
                    stack.append((link.node, id_, False))
    return order


def _unsound(graph: Graph, order: Iterable[str], problems: Iterable[Problem]) -> set[str]:
    """The nodes with problems and all that need them."""
    unsound = {problem.node for problem in problems}
    for id_ in order:
        if any(link.node in unsound for _, link in graph.nodes[id_].links()):
            unsound.add(id_)
    return unsound


def _checked(graph: Graph, node: Node, catalogue: Catalogue, found: _Findings) -> Mapping[str, Any]:
    """The inputs of a node, coerced; what is wrong with them goes to `found`."""
    before = len(found.problems)
    schema = catalogue.require(node.class_type)
    class_ = catalogue.node(node.class_type)
    judged = _judged_inputs(class_, schema)

    def complain(name: str, problem: str) -> None:
        text = f"{node.label}, input {name!r}: {problem}"
        found.problems.append(Problem(node.id, name, text))

    values: dict[str, Any] = {}
    for spec in schema.inputs:
        if spec.id not in node.inputs:
            if not spec.optional:
                hint = f"; its default is {spec.default!r}" if spec.is_widget else ""
                text = f"{node.label}: the input {spec.id!r} ({spec.io_type}) is missing{hint}"
                found.problems.append(Problem(node.id, spec.id, text))
            continue
        value = values[spec.id] = node.inputs[spec.id]
        if isinstance(value, Link):
            problem = _link_problem(graph, value, spec, catalogue)
        else:
            values[spec.id], problem = coerced(value, spec, bounds=spec.id not in judged)
            if not problem and not _may_be_typed(spec, catalogue):
                problem = f"expected a link to a {spec.io_type} output, found {short(value)}"
        if problem:
            complain(spec.id, problem)
    known = {spec.id for spec in schema.inputs}
    for name in (name for name in node.inputs if name not in known):
        found.warnings.append(f"{node.label}: has no input {name!r}; it is ignored")
    if judged and len(found.problems) == before:
        _ask_node(node, class_, schema, {n: values[n] for n in values if n in judged}, found)
    return values


def _judged_inputs(class_: NodeClass, schema: Schema) -> set[str]:
    """The inputs that the node itself judges: ComfyUI leaves their bounds and options to it."""
    judge = overridden(class_, "validate_inputs")
    if judge is None:
        return set()
    asked = getfullargspec(judge)
    names = {spec.id for spec in schema.inputs}
    return names if asked.varkw else names & set(asked.args)


def _ask_node(
    node: Node, class_: NodeClass, schema: Schema, values: Mapping[str, Any], found: _Findings
) -> None:
    """Ask the node's own `validate_inputs`; linked inputs are not known yet, so None."""
    known = {name: None if isinstance(v, Link) else v for name, v in values.items()}
    if not known:
        return
    if schema.is_input_list:
        known = {name: [value] for name, value in known.items()}
    try:
        verdict = class_.validate_inputs(**known)
    except KinographError as error:
        verdict = str(error)
    if verdict is not True:
        said = verdict or f"refuses {', '.join(known)}"
        found.problems.append(Problem(node.id, "", f"{node.label}: {said}"))


def _link_problem(graph: Graph, link: Link, spec: InputSpec, catalogue: Catalogue) -> str:
    source = graph.nodes.get(link.node)
    if source is None:
        return f"linked to node {link.node}, which does not exist"
    outputs = catalogue.require(source.class_type).outputs
    if not 0 <= link.slot < len(outputs):
        has = f"has {len(outputs)} output{'s' * (len(outputs) != 1)}"
        return f"linked to output {link.slot} of {source.label}, which {has} (counted from 0)"
    given = outputs[link.slot].io_type
    if not _fits(given, spec.io_type):
        return f"expected {spec.io_type}, but output {link.slot} of {source.label} is {given}"
    return ""


def _fits(given: str, wanted: str) -> bool:
    """ComfyUI's rule: "*" takes and is anything, "A,B" is a union, two fit that have one in
    common."""
    if "*" in (given, wanted):
        return True
    return not set(given.split(",")).isdisjoint(wanted.split(","))


def _may_be_typed(spec: InputSpec, catalogue: Catalogue) -> bool:
    """ComfyUI lets any value through. Here one is refused where only nodes make what is wanted."""
    kinds = set(spec.io_type.split(","))
    return "*" in kinds or not kinds.isdisjoint(WIDGETS) or not kinds <= catalogue.made()


_COERCIONS: Mapping[str, Callable[[Any], Any]] = {
    "INT": int,
    "FLOAT": float,
    "STRING": str,
    "BOOLEAN": bool,
}


def coerced(value: Any, spec: InputSpec, *, bounds: bool = True) -> tuple[Any, str]:
    """ComfyUI's coercion of typed-in values, then its bounds; the value and the problem or ""."""
    kind = spec.io_type
    try:
        if kind in _COERCIONS:
            value = _COERCIONS[kind](value)
    except (TypeError, ValueError, OverflowError):
        return value, f"expected {kind}, found {short(value)}"
    if kind in ("INT", "FLOAT") and value != value:
        return value, "expected a number, found NaN"
    return value, _out_of_bounds(value, spec) if bounds else ""


def _out_of_bounds(value: Any, spec: InputSpec) -> str:
    if spec.io_type == "COMBO" and spec.options and value not in spec.options:
        near = get_close_matches(str(value), spec.options, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"expected one of {', '.join(spec.options)}, found {short(value)}{hint}"
    low, high = spec.widget.get("min"), spec.widget.get("max")
    if spec.io_type in ("INT", "FLOAT"):
        if low is not None and value < low:
            return f"expected at least {low}, found {value}"
        if high is not None and value > high:
            return f"expected at most {high}, found {value}"
    return ""
