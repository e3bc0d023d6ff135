"""Nodes for tests of execution, which record the values that they are called with in `CALLS`."""

import weakref
from collections.abc import Sequence
from typing import Any

from kinograph.engines.errors import InputError
from kinograph.nodes.standin import host, io, ui
from kinograph.nodes.standin.graph_builder import GraphBuilder, is_link
from kinograph.workflows.graph.catalogue import Catalogue

CALLS: list[Any] = []


class Thing:
    """A large result whose lifetime a test observes."""

    def __init__(self, name: str):
        self.name = name
        _THINGS.add(self)


_THINGS: "weakref.WeakSet[Thing]" = weakref.WeakSet()


def alive() -> list[str]:
    return sorted(thing.name for thing in _THINGS)


def schema(
    node_id: str, inputs: Sequence[io.InputSpec], *outputs: io.OutputSpec, **more: Any
) -> io.Schema:
    return io.Schema(node_id, node_id, "test", inputs, outputs, **more)


ANY = io.AnyType


class Make(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema("Make", [io.String.Input("name")], ANY.Output())

    @classmethod
    def execute(cls, name: str) -> io.NodeOutput:
        CALLS.append(("make", name, alive()))
        return io.NodeOutput(Thing(name))


class Next(io.ComfyNode):
    """Makes a new large result from another."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema("Next", [io.String.Input("name"), ANY.Input("of")], ANY.Output())

    @classmethod
    def execute(cls, name: str, of: Thing) -> io.NodeOutput:
        host.progress(2)(2)
        CALLS.append(("next", name, alive()))
        return io.NodeOutput(Thing(name))


class Choose(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = [ANY.Input("a", lazy=True), ANY.Input("b", lazy=True)]
        return schema("Choose", [io.Boolean.Input("first"), *inputs], ANY.Output())

    @classmethod
    def check_lazy_status(cls, first: bool, a: Any = None, b: Any = None) -> list[str]:
        return ["a"] if first else ["b"]

    @classmethod
    def execute(cls, first: bool, a: Any = None, b: Any = None) -> io.NodeOutput:
        return io.NodeOutput(a if first else b)


class Keep(io.ComfyNode):
    """Writes a file and returns its name."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema("Keep", [ANY.Input("what")], is_output_node=True)

    @classmethod
    def execute(cls, what: Any) -> io.NodeOutput:
        path = host.save_path("kept", ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(getattr(what, "name", str(what)))
        CALLS.append(("keep", path.read_text(), alive()))
        return io.NodeOutput(ui=ui.PreviewText(path.name))


class Fail(io.ComfyNode):
    """Returns a path without writing the file, or fails on demand."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        how = io.Combo.Input("how", options=["user", "defect"])
        return schema("Fail", [how], is_output_node=True)

    @classmethod
    def execute(cls, how: str) -> io.NodeOutput:
        host.save_path("never", ".txt")
        host.warn("about to fail")
        if how == "user":
            raise InputError("what: expected another one")
        raise ZeroDivisionError("ours")


class Expand(io.ComfyNode):
    """Expands to the graph that `how` names."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema("Expand", [io.String.Input("how")], ANY.Output(), enable_expand=True)

    @classmethod
    def execute(cls, how: str) -> io.NodeOutput:
        graph = GraphBuilder()
        made = graph.node("Make", name="made")
        raw = graph.finalize()
        if how == "class":
            raw["x"] = {"class_type": "Nothing", "inputs": {}}
        elif how == "taken":
            raw["1"] = raw[made.id]
        elif how == "dangling":
            raw["x"] = {"class_type": "Next", "inputs": {"name": "x", "of": ["y", 0]}}
        elif how == "missing":
            raw["x"] = {"class_type": "Next", "inputs": {"name": "x"}}
        elif how == "fails":
            raw["x"] = {"class_type": "Fail", "inputs": {"how": "user"}}
        elif how == "list":
            return io.NodeOutput([made.out(0)], expand=raw)
        return io.NodeOutput(made.out(0), expand=raw)


class Numbers(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema("Numbers", [io.Int.Input("count")], ANY.Output(is_output_list=True))

    @classmethod
    def execute(cls, count: int) -> io.NodeOutput:
        return io.NodeOutput(list(range(count)))


class Later(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema("Later", [ANY.Input("what")], ANY.Output())

    @classmethod
    async def execute(cls, what: Any) -> io.NodeOutput:
        CALLS.append(("later", what, host.settings.get().device))
        return io.NodeOutput(what)


class Blocks(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema("Blocks", [], ANY.Output())

    @classmethod
    def execute(cls) -> io.NodeOutput:
        return io.NodeOutput(block_execution="no such day")


class WhoAmI(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        hidden = [io.Hidden.unique_id]
        return schema("WhoAmI", [io.Int.Input("seed")], is_output_node=True, hidden=hidden)

    @classmethod
    def execute(cls, seed: int) -> io.NodeOutput:
        CALLS.append((cls.hidden.unique_id, cls.hidden.prompt, cls.hidden.extra_pnginfo))
        return io.NodeOutput()


class Wrong(io.ComfyNode):
    """Returns values that no node may return."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema("Wrong", [], is_output_node=True)

    @classmethod
    def execute(cls) -> Any:
        return {"ui": {}}


class LoopOpen(io.ComfyNode):
    """The beginning of a loop: passes on what the next round starts with."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = [io.Int.Input("left"), ANY.Input("value")]
        outputs = [io.Custom("LOOP").Output(), io.Int.Output(), ANY.Output()]
        return schema("LoopOpen", inputs, *outputs)

    @classmethod
    def execute(cls, left: int, value: Any) -> io.NodeOutput:
        CALLS.append(("round", left))
        return io.NodeOutput("loop", left, value)


class LoopClose(io.ComfyNode):
    """The end of a loop: a further round is a copy of what is between the two."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = [
            io.Custom("LOOP").Input("loop", raw_link=True),
            *(io.Int.Input("left"), ANY.Input("value")),
        ]
        hidden = [io.Hidden.unique_id, io.Hidden.dynprompt]
        return schema("LoopClose", inputs, ANY.Output(), enable_expand=True, hidden=hidden)

    @classmethod
    def execute(cls, loop: list[Any], left: int, value: Any) -> io.NodeOutput:
        if left <= 1:
            return io.NodeOutput(value)
        prompt, own = cls.hidden.dynprompt, cls.hidden.unique_id
        first = loop[0]
        inside = {first, own}
        waiting = [own]
        while waiting:  # what leads from the end to the beginning
            for given in prompt.get_node(waiting.pop())["inputs"].values():
                if is_link(given) and given[0] not in inside:
                    inside.add(given[0])
                    waiting.append(given[0])
        graph = GraphBuilder()
        for id_ in inside:
            name = "again" if id_ == own else id_
            graph.node(prompt.get_node(id_)["class_type"], name).set_override_display_id(
                prompt.get_display_node_id(id_)
            )
        for id_ in inside:
            made = graph.lookup_node("again" if id_ == own else id_)
            for key, given in prompt.get_node(id_)["inputs"].items():
                link = is_link(given) and given[0] in inside
                made.set_input(key, graph.lookup_node(given[0]).out(given[1]) if link else given)
        graph.lookup_node(first).set_input("left", left - 1)
        graph.lookup_node(first).set_input("value", value)
        again = graph.lookup_node("again")
        return io.NodeOutput(again.out(0), expand=graph.finalize())


CLASSES = (
    *(Make, Next, Choose, Keep, Fail, Expand, Numbers, Later, Blocks, WhoAmI, Wrong),
    *(LoopOpen, LoopClose),
)
NODES = Catalogue({class_.__name__: class_ for class_ in CLASSES})
