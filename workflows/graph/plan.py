"""Check a graph before it runs, as ComfyUI does, and plan the order of its nodes."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from inspect import getfullargspec
from typing import Any

from ...engines.errors import GraphError, KinographError
from ...engines.words import counted
from ...nodes.standin.io import DYNAMIC_COMBO, WIDGETS, InputSpec, Schema, overridden
from .catalogue import Catalogue, NodeClass
from .coroutines import finished
from .decoding import cut, listed, short
from .dynamic import is_passed_on, nested, present
from .model import Graph, Link, Node


@dataclass(frozen=True)
class Problem:
    """A problem with a node.

    node:    its id, or "" for a problem of the whole graph
    input:   the name of the input that is wrong, or "" where it is not an input
    message: names the node and the input, too
    """

    node: str
    input: str
    message: str

    def as_dict(self) -> dict[str, str]:
        """Return the problem as data for JSON."""
        return {"node": self.node, "input": self.input, "message": self.message}


@dataclass(frozen=True)
class Plan:
    """A checked graph: the nodes to run, in order, with values of the right types.

    order:    ids of the valid output nodes and of all nodes that they depend on; every node comes
              after its sources
    values:   inputs by node, with constants coerced to their types
    warnings: oddities that do not prevent the run
    outputs:  ids of the valid output nodes, in the order of the graph
    problems: why the other output nodes are excluded
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
    matched: dict[Link, str] = field(default_factory=dict)  # types of outputs that follow inputs


def check(graph: Graph, catalogue: Catalogue, only: Collection[str] | None = None) -> Plan:
    """Check a graph as ComfyUI does before it runs one.

    only: ids of the output nodes to run, with what they depend on; default: all

    An output node that is invalid, or depends on a node that is, is excluded; the others are kept.

    Raises `GraphError` when a node is of an unknown class or no output node is left. It lists every
    problem, one per line: missing inputs, dangling links, cycles, wrong types, values out of range.
    """
    if unknown := unknown_classes(graph, catalogue):
        raise failure(graph, unknown)
    outputs = [n.id for n in graph.nodes.values() if catalogue.require(n.class_type).is_output_node]
    if not outputs:
        text = "no output node, nothing to run; add one that saves or previews"
        raise failure(graph, [Problem("", "", text)])
    if only is not None:
        outputs = [id_ for id_ in outputs if id_ in only]
        if not outputs:
            raise failure(graph, [Problem("", "", "no output node is chosen, nothing to run")])
    findings = _Findings()
    order = _topological_order(graph, outputs, findings)
    values = {id_: _checked_inputs(graph, graph.nodes[id_], catalogue, findings) for id_ in order}
    invalid = _invalid(graph, order, findings.problems)
    valid = [id_ for id_ in outputs if id_ not in invalid]
    if not valid:
        raise failure(graph, findings.problems)
    order = _topological_order(graph, valid, findings)
    return Plan(
        graph,
        tuple(order),
        {id_: values[id_] for id_ in order},
        tuple(findings.warnings),
        tuple(valid),
        tuple(findings.problems),
    )


def failure(graph: Graph, problems: list[Problem]) -> GraphError:
    """Return one error that lists all `problems`."""
    if len(problems) == 1:
        return GraphError(f"{graph.source}: {cut(problems[0].message, 2000)}")
    shown = (f"  - {cut(problem.message, 400)}" for problem in problems)
    lines = listed(shown, 20, "\n", 500)
    return GraphError(f"{graph.source}: {len(problems)} problems\n{lines}")


def unknown_classes(graph: Graph, catalogue: Catalogue, where: str = "here") -> list[Problem]:
    """Return a problem for each node whose class is not in the catalogue.

    where: the place where the class is missing, for messages: "here" or "on URL"
    """
    problems = []
    searched = 0
    for node in graph.nodes.values():
        if catalogue.schema(node.class_type) is None:
            near: list[str] = []
            if len(node.class_type) < 100 and searched < 20:  # it takes a while
                near = get_close_matches(node.class_type, catalogue.names(), 1)
                searched += 1
            hint = "`kinograph nodes` lists the available nodes"
            if where != "here":
                hint = "install its node pack there"
            if near:
                hint = f"did you mean {near[0]}?"
            text = f"{node.label}: there is no node class {cut(node.class_type)!r} {where}; {hint}"
            problems.append(Problem(node.id, "", text))
    return problems


def _topological_order(graph: Graph, outputs: Iterable[str], findings: _Findings) -> list[str]:
    """Return what `outputs` depend on, every node after its sources.

    Depth first without recursion, as an untrusted graph may be deep.
    """
    order: list[str] = []
    state: dict[str, int] = {}  # 1: on the current path, 2: done
    for output in outputs:
        stack = [(output, "", False)]
        path: list[str] = []
        places: dict[str, int] = {}  # on the path
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
                start = places[id_]
                cycle = listed(path[start : start + 10], 10, " -> ")
                more = len(path) - start - 10
                dots = f" -> {more:,} more" if more > 0 else ""
                text = (
                    f"node {cut(id_)}: the links form a cycle: {cycle}{dots} -> {cut(id_)}; "
                    "remove one of them"
                )
                findings.problems.append(Problem(reader, "", text))
                continue
            state[id_] = 1
            places[id_] = len(path)
            path.append(id_)
            stack.append((id_, "", True))
            for _, link in graph.nodes[id_].links():
                if link.node in graph.nodes:
                    stack.append((link.node, id_, False))
    return order


def _invalid(graph: Graph, order: Iterable[str], problems: Iterable[Problem]) -> set[str]:
    """Return the nodes with problems and all nodes that depend on them."""
    invalid = {problem.node for problem in problems}
    for id_ in order:
        if any(link.node in invalid for _, link in graph.nodes[id_].links()):
            invalid.add(id_)
    return invalid


def _checked_inputs(
    graph: Graph, node: Node, catalogue: Catalogue, findings: _Findings
) -> Mapping[str, Any]:
    """Return the inputs of a node, coerced; add what is wrong with them to `findings`."""
    before = len(findings.problems)
    schema = catalogue.require(node.class_type)
    class_ = catalogue.node(node.class_type)
    is_self_checked = self_checked_inputs(class_)
    asks_for_types = _asks_for_types(class_)
    types: dict[str, str] = {}  # of what is linked

    def complain(name: str, problem: str) -> None:
        text = f"{node.label}, input {cut(name)!r}: {problem}"
        findings.problems.append(Problem(node.id, name, text))

    values: dict[str, Any] = {}
    specs = present(schema.inputs, node.inputs)
    for spec in specs:
        if spec.id not in node.inputs:
            if not spec.optional:
                hint = f"; its default is {spec.default!r}" if spec.default is not None else ""
                text = f"{node.label}: the input {spec.id!r} ({spec.io_type}) is missing{hint}"
                findings.problems.append(Problem(node.id, spec.id, text))
            continue
        value = values[spec.id] = node.inputs[spec.id]
        if isinstance(value, Link):
            problem = _link_problem(graph, value, spec, catalogue)
            if not problem:
                given = types[spec.id] = _type_of(value, graph, catalogue, findings)
                if not asks_for_types and not _fits(given, spec.io_type):
                    label = graph.nodes[value.node].label
                    problem = (
                        f"expected {spec.io_type}, but output {value.slot} of {label} is {given}"
                    )
        else:
            values[spec.id], problem = coerced(value, spec, bounds=not is_self_checked(spec.id))
            if not problem and not _accepts_constant(spec, catalogue):
                problem = f"expected a link to a {spec.io_type} output, found {short(value)}"
        if problem:
            complain(spec.id, problem)
    _match(node, schema, specs, graph, catalogue, findings)
    known = {spec.id for spec in specs}
    for name, value in node.inputs.items():
        if name in known:
            continue
        linked = isinstance(value, Link)
        if is_passed_on(class_, schema, linked=linked):
            values[name] = value
            if linked and (problem := _dangling(graph, value, catalogue)):
                complain(name, problem)
        elif value not in ("", None):  # the frontend's own widgets send empty values
            findings.warnings.append(f"{node.label}: has no input {cut(name)!r}; it is ignored")
    if overridden(class_, "validate_inputs") and len(findings.problems) == before:
        _validate(node, class_, schema, values, types, findings)
    return values


def _match(
    node: Node,
    schema: Schema,
    specs: Iterable[InputSpec],
    graph: Graph,
    catalogue: Catalogue,
    findings: _Findings,
) -> None:
    """Note the types of outputs that follow those of inputs: of all that are linked there."""
    for slot, output in enumerate(schema.outputs):
        if not output.template:
            continue
        values = (node.inputs.get(spec.id) for spec in specs if spec.template == output.template)
        links = [value for value in values if isinstance(value, Link)]
        types = [
            _type_of(link, graph, catalogue, findings)
            for link in links
            if not _dangling(graph, link, catalogue)
        ]
        if types and "*" not in types:
            parts = dict.fromkeys(part for type_ in types for part in type_.split(","))
            findings.matched[Link(node.id, slot)] = ",".join(parts)


def _type_of(link: Link, graph: Graph, catalogue: Catalogue, findings: _Findings) -> str:
    outputs = catalogue.require(graph.nodes[link.node].class_type).outputs
    return findings.matched.get(link, outputs[link.slot].io_type)


def self_checked_inputs(class_: NodeClass) -> Callable[[str], bool]:
    """Return whether the node checks an input itself, in `validate_inputs`, by its name.

    ComfyUI leaves the bounds and options of these to the node; and the types of links, if the node
    asks for `input_types`.
    """
    validate = overridden(class_, "validate_inputs")
    if validate is None:
        return lambda name: False
    parameters = getfullargspec(validate)
    return lambda name: bool(parameters.varkw) or name in parameters.args


def _validate(
    node: Node,
    class_: NodeClass,
    schema: Schema,
    values: Mapping[str, Any],
    types: Mapping[str, str],
    findings: _Findings,
) -> None:
    """Call the node's own `validate_inputs`, with None for linked inputs, as ComfyUI does."""
    is_checked = self_checked_inputs(class_)
    known = {name: None if isinstance(v, Link) else v for name, v in values.items()}
    if schema.is_input_list:
        known = {name: [value] for name, value in known.items()}
    known = {n: v for n, v in nested(schema.inputs, known).items() if is_checked(n)}
    if _asks_for_types(class_):
        known["input_types"] = [types] if schema.is_input_list else types
    try:
        verdict = finished(class_.validate_inputs(**known))
    except KinographError as error:
        verdict = str(error)
    if verdict is not True:
        said = verdict or f"rejects {', '.join(known)}"
        findings.problems.append(Problem(node.id, "", f"{node.label}: {said}"))


def _asks_for_types(class_: NodeClass) -> bool:
    validate = overridden(class_, "validate_inputs")
    return validate is not None and "input_types" in getfullargspec(validate).args


def _link_problem(graph: Graph, link: Link, spec: InputSpec, catalogue: Catalogue) -> str:
    if spec.io_type == DYNAMIC_COMBO:
        return (
            f"expected one of {listed(spec.options, 40)} as a constant, as it decides which inputs "
            f"the node has; found a link to node {link.node}"
        )
    return _dangling(graph, link, catalogue)


def _dangling(graph: Graph, link: Link, catalogue: Catalogue) -> str:
    """Return what is wrong with a link that leads to no output, or ""."""
    source = graph.nodes.get(link.node)
    if source is None:
        return f"linked to node {cut(link.node)}, which does not exist"
    outputs = catalogue.require(source.class_type).outputs
    if not 0 <= link.slot < len(outputs):
        has = f"has {counted(len(outputs), 'output')}"
        return f"linked to output {link.slot} of {source.label}, which {has} (counted from 0)"
    return ""


def _fits(given: str, wanted: str) -> bool:
    """Return whether an output of type `given` may feed an input of type `wanted`.

    As in ComfyUI, "*" matches any type and "A,B" is a union; two unions match if they overlap.
    """
    if "*" in (given, wanted):
        return True
    return not set(given.split(",")).isdisjoint(wanted.split(","))


def _accepts_constant(spec: InputSpec, catalogue: Catalogue) -> bool:
    """Return whether an input may have a constant value.

    ComfyUI accepts any. Here a constant is rejected where only the output of a node can fit.
    """
    kinds = set(spec.io_type.split(","))
    return "*" in kinds or not kinds.isdisjoint(WIDGETS) or not kinds <= catalogue.output_types()


_COERCIONS: Mapping[str, Callable[[Any], Any]] = {
    "INT": int,
    "FLOAT": float,
    "STRING": str,
    "BOOLEAN": bool,
}


def coerced(value: Any, spec: InputSpec, *, bounds: bool = True) -> tuple[Any, str]:
    """Coerce a constant to the type of its input and check its bounds, as ComfyUI does.

    Returns the value, and what is wrong with it or "".
    """
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
    if spec.io_type in ("COMBO", DYNAMIC_COMBO) and spec.options and value not in spec.options:
        near = get_close_matches(str(value), spec.options, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"expected one of {listed(spec.options, 40)}, found {short(value)}{hint}"
    low, high = spec.widget.get("min"), spec.widget.get("max")
    if spec.io_type in ("INT", "FLOAT"):
        if low is not None and value < low:
            return f"expected at least {low}, found {value}"
        if high is not None and value > high:
            return f"expected at most {high}, found {value}"
    return ""
