"""A pack for tests: nodes that record their calls, for every rule of execution.

Written against `comfy_api.latest`; where there is no ComfyUI they run on Kinograph's stand-in.
Calls are appended to the file that SEMANTICS_LOG names.
"""

import asyncio
import json
import os
import time

from kinograph.engines.errors import InputError

try:
    from comfy_api.latest import ComfyExtension, io, ui
    from comfy_execution.graph_utils import ExecutionBlocker, GraphBuilder
except ImportError:
    from kinograph.nodes.standin import io, ui
    from kinograph.nodes.standin.extension import ComfyExtension
    from kinograph.nodes.standin.graph_builder import GraphBuilder
    from kinograph.nodes.standin.io import ExecutionBlocker


def record(*what):
    with open(os.environ["SEMANTICS_LOG"], "a") as log:
        log.write(json.dumps(what, default=str) + "\n")


def schema(node_id, inputs, outputs=(), **more):
    return io.Schema(
        node_id=node_id,
        display_name=node_id,
        category="test",
        inputs=[io.String.Input("name", default=""), *inputs],
        outputs=list(outputs),
        **more,
    )


class SemNumber(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema("SemNumber", [io.Int.Input("value", default=0)], [io.Int.Output()])

    @classmethod
    def execute(cls, name, value):
        record("number", name, value)
        return io.NodeOutput(value)


class SemList(io.ComfyNode):
    """Returns the numbers of a text as a list, which the next node processes one by one."""

    @classmethod
    def define_schema(cls):
        return schema(
            "SemList",
            [io.String.Input("numbers", default="")],
            [io.Int.Output(is_output_list=True), io.Int.Output("count", display_name="count")],
        )

    @classmethod
    def execute(cls, name, numbers):
        values = [int(number) for number in numbers.split()]
        record("list", name, values)
        return io.NodeOutput(values, len(values))


class SemAdd(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema("SemAdd", [io.Int.Input("a"), io.Int.Input("b")], [io.Int.Output()])

    @classmethod
    def execute(cls, name, a, b):
        record("add", name, a, b)
        return io.NodeOutput(a + b)


class SemWhole(io.ComfyNode):
    """Takes whole lists; returns a list, its length, and another list as one value."""

    @classmethod
    def define_schema(cls):
        return schema(
            "SemWhole",
            [io.Int.Input("a"), io.Int.Input("b", optional=True)],
            [
                io.Int.Output("turned", display_name="turned", is_output_list=True),
                io.Int.Output("length", display_name="length"),
                io.AnyType.Output("all", display_name="all"),
            ],
            is_input_list=True,
        )

    @classmethod
    def execute(cls, name, a, b=None):
        record("whole", name, a, b)
        return io.NodeOutput(a[::-1], len(a), list(a))


class SemSwitch(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            "SemSwitch",
            [
                io.Boolean.Input("first", default=True),
                io.Int.Input("a", lazy=True),
                io.Int.Input("b", lazy=True, optional=True),
            ],
            [io.Int.Output()],
        )

    @classmethod
    def check_lazy_status(cls, name, first, a=None, b=None):
        record("ask", name, first, a, b)
        if first:
            return ["a"] if a is None else []
        return ["b"] if b is None else []

    @classmethod
    def execute(cls, name, first, a=None, b=None):
        record("switch", name, first, a, b)
        return io.NodeOutput(a if first else b)


class SemStepwise(io.ComfyNode):
    """Requests `a`, then `b` if `a` is odd, then `c` if `b` is odd."""

    @classmethod
    def define_schema(cls):
        inputs = [io.Int.Input(name, lazy=True) for name in "abc"]
        return schema("SemStepwise", inputs, [io.Int.Output()])

    @classmethod
    def check_lazy_status(cls, name, a, b, c):
        record("ask", name, a, b, c)
        for value, wanted in ((a, "a"), (b, "b"), (c, "c")):
            if value is None:
                return [wanted]
            if value % 2 == 0:
                return []
        return []

    @classmethod
    def execute(cls, name, a, b, c):
        record("stepwise", name, a, b, c)
        return io.NodeOutput(sum(value or 0 for value in (a, b, c)))


class SemNeverAsks(io.ComfyNode):
    """Has a lazy input that it never requests."""

    @classmethod
    def define_schema(cls):
        return schema("SemNeverAsks", [io.Int.Input("a", lazy=True)], [io.Int.Output()])

    @classmethod
    def execute(cls, name, a):
        record("never", name, a)
        return io.NodeOutput(7)


class SemShow(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema("SemShow", [io.AnyType.Input("value")], is_output_node=True)

    @classmethod
    def execute(cls, name, value):
        record("show", name, value)
        return io.NodeOutput(ui=ui.PreviewText(f"{type(value).__name__} {value}"))


class SemFew(io.ComfyNode):
    """Declares two outputs and returns one value."""

    @classmethod
    def define_schema(cls):
        return schema("SemFew", [], [io.Int.Output("a"), io.Int.Output("b")])

    @classmethod
    def execute(cls, name):
        record("few", name)
        return io.NodeOutput(1)


class SemBlock(io.ComfyNode):
    """Passes a value on, or blocks: with a message, silently, or its first output only."""

    @classmethod
    def define_schema(cls):
        return schema(
            "SemBlock",
            [
                io.Int.Input("value"),
                io.Combo.Input("how", options=["no", "words", "silent", "odd"], default="no"),
            ],
            [io.Int.Output("a"), io.Int.Output("b")],
        )

    @classmethod
    def execute(cls, name, value, how):
        record("block", name, value, how)
        if how == "words":
            return io.NodeOutput(None, None, block_execution="not today")
        if how == "silent" or (how == "odd" and value % 2):
            return io.NodeOutput(ExecutionBlocker(None), value)
        return io.NodeOutput(value, value)


class SemExpand(io.ComfyNode):
    """Computes value + depth by an addition and a nested expansion."""

    @classmethod
    def define_schema(cls):
        return schema(
            "SemExpand",
            [io.Int.Input("value"), io.Int.Input("depth", default=1)],
            [io.Int.Output("sum"), io.Int.Output("levels")],
            enable_expand=True,
        )

    @classmethod
    def execute(cls, name, value, depth):
        record("expand", name, value, depth)
        if not depth:
            return io.NodeOutput(value, 0)
        graph = GraphBuilder()
        more = graph.node("SemAdd", name=f"{name} in", a=value, b=1)
        rest = graph.node("SemExpand", "rest", name=name, value=more.out(0), depth=depth - 1)
        return io.NodeOutput(rest.out(0), depth, expand=graph.finalize())


class SemExpandShow(io.ComfyNode):
    """Expands to an output node."""

    @classmethod
    def define_schema(cls):
        return schema(
            "SemExpandShow", [io.Int.Input("value")], [io.Int.Output()], enable_expand=True
        )

    @classmethod
    def execute(cls, name, value):
        record("expand show", name, value)
        graph = GraphBuilder()
        number = graph.node("SemNumber", name=f"{name} in", value=value * 2)
        graph.node("SemShow", name=f"{name} shown", value=number.out(0))
        return io.NodeOutput(number.out(0), expand=graph.finalize())


class SemExpandCycle(io.ComfyNode):
    """Expands to a node that waits for this one."""

    @classmethod
    def define_schema(cls):
        return schema(
            "SemExpandCycle",
            [io.Int.Input("value")],
            [io.Int.Output()],
            enable_expand=True,
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, name, value):
        record("expand cycle", name, value)
        graph = GraphBuilder()
        more = graph.node("SemAdd", name=name, a=[cls.hidden.unique_id, 0], b=1)
        return io.NodeOutput(more.out(0), expand=graph.finalize())


class SemLater(io.ComfyNode):
    """Runs asynchronously."""

    @classmethod
    def define_schema(cls):
        return schema("SemLater", [io.Int.Input("value")], [io.Int.Output()])

    @classmethod
    async def execute(cls, name, value):
        await asyncio.sleep(0.02 / (1 + value))
        record("later", name, value)
        return io.NodeOutput(value * 10)


class SemDated(io.ComfyNode):
    """Runs again when the text of the file changes; with "always", every time."""

    @classmethod
    def define_schema(cls):
        return schema("SemDated", [io.String.Input("file")], [io.String.Output()])

    @classmethod
    def fingerprint_inputs(cls, name, file):
        if file == "always":
            return float("nan")
        with open(file) as words:
            return words.read()

    @classmethod
    def execute(cls, name, file):
        record("dated", name)
        return io.NodeOutput(name)


class SemOwn(io.ComfyNode):
    """Never shares a result with another node."""

    @classmethod
    def define_schema(cls):
        return schema("SemOwn", [io.Int.Input("value")], [io.Int.Output()], not_idempotent=True)

    @classmethod
    def execute(cls, name, value):
        record("own", name, value)
        return io.NodeOutput(value)


class SemRange(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            "SemRange",
            [
                io.Int.Input("whole", default=0, min=0, max=10),
                io.Float.Input("part", default=0.0, min=0.0, max=1.0),
                io.String.Input("text", default=""),
                io.Boolean.Input("yes", default=True),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, name, whole, part, text, yes):
        values = [whole, part, text, yes]
        record("range", name, [f"{type(v).__name__} {v}" for v in values])
        return io.NodeOutput(ui=ui.PreviewText(repr(values)))


class SemJudge(io.ComfyNode):
    """Validates `value` itself, which disables its bounds; rejects 13."""

    @classmethod
    def define_schema(cls):
        return schema(
            "SemJudge",
            [
                io.Int.Input("value", default=0, min=0, max=10),
                io.Int.Input("other", default=0, min=0, max=10),
            ],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, value):
        return "unlucky" if value == 13 else True

    @classmethod
    def execute(cls, name, value, other):
        record("judge", name, value, other)
        return io.NodeOutput(ui=ui.PreviewText(str(value)))


class SemHidden(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            "SemHidden", [], is_output_node=True, hidden=[io.Hidden.unique_id, io.Hidden.prompt]
        )

    @classmethod
    def execute(cls, name):
        classes = {id_: node["class_type"] for id_, node in cls.hidden.prompt.items()}
        record("hidden", name, cls.hidden.unique_id, classes)
        return io.NodeOutput(ui=ui.PreviewText(f"{cls.hidden.unique_id} {classes}"))


class SemFail(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema("SemFail", [io.Int.Input("value")], [io.Int.Output()])

    @classmethod
    def execute(cls, name, value):
        record("fail", name, value)
        raise InputError("value: expected another one")


class SemSlow(io.ComfyNode):
    """Runs for a while and can be interrupted."""

    @classmethod
    def define_schema(cls):
        return schema("SemSlow", [io.Int.Input("steps", default=10)], [io.Int.Output()])

    @classmethod
    def execute(cls, name, steps):
        from comfy.utils import ProgressBar

        bar = ProgressBar(steps)
        for _ in range(steps):
            time.sleep(0.02)
            bar.update(1)
        return io.NodeOutput(steps)


NODES = [
    *(SemNumber, SemList, SemAdd, SemWhole, SemSwitch, SemStepwise, SemNeverAsks, SemShow, SemFew),
    *(SemBlock, SemExpand, SemExpandShow, SemExpandCycle, SemLater, SemDated, SemOwn, SemRange),
    *(SemJudge, SemHidden, SemFail, SemSlow),
]


class SemanticsExtension(ComfyExtension):
    async def get_node_list(self):
        return NODES


async def comfy_entrypoint():
    return SemanticsExtension()
