"""Nodes are found from the tree: a new one is one file."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kinograph.nodes.discovery import in_order, nodes_in
from kinograph.nodes.extension import NODES
from kinograph.nodes.standin import io
from kinograph.nodes.streaming import Rule
from kinograph.workflows.core import core_nodes

TOY = '''
"""A toy."""
from kinograph.nodes.standin import io

class {name}(io.ComfyNode):
    {order}

    @classmethod
    def define_schema(cls):
        return io.Schema("{name}")

class _Base(io.ComfyNode):
    """Not a node of its own."""
'''


def test_a_room_gives_its_public_nodes_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = tmp_path / "toy_room"
    room.mkdir()
    (room / "__init__.py").write_text("")
    for name, order in (("Second", "ORDER = 2"), ("Other", "pass"), ("First", "ORDER = 1")):
        (room / f"{name.lower()}.py").write_text(TOY.format(name=name, order=order))
    (room / "imports.py").write_text("from .first import First\n")  # found once, in its own file
    monkeypatch.syspath_prepend(tmp_path)
    found = in_order(nodes_in(importlib.import_module("toy_room"), io.ComfyNode))
    assert [node.__name__ for node in found] == ["First", "Second", "Other"]


@pytest.mark.parametrize("node", [*NODES, *core_nodes()], ids=lambda node: node.__name__)
def test_every_node_has_a_contract_of_its_own_and_a_place(node: type[io.ComfyNode]) -> None:
    assert isinstance(vars(node)["STREAMING"], Rule)
    same = [other for other in (*NODES, *core_nodes()) if other.__name__ == node.__name__]
    assert same == [node]


_LISTED = """
import asyncio, importlib.util, sys
sys.path = [p for p in sys.path if p != ""]
spec = importlib.util.spec_from_file_location(
    "/x y/kino-v1", r"{root}/__init__.py", submodule_search_locations=[r"{root}"]
)
sys.modules["/x y/kino-v1"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
async def nodes():
    return await (await module.comfy_entrypoint()).get_node_list()
for node in asyncio.run(nodes()):
    print(node.__module__.removeprefix("/x y/kino-v1."), node.__name__)
"""


def test_a_new_node_is_one_file_also_for_a_pack_loaded_by_path(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for folder in ("engines", "nodes"):
        shutil.copytree(root / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "__init__.py", copy)
    toy = TOY.format(name="Toy", order="pass").replace("from kinograph.nodes.standin", "from ..api")
    (copy / "nodes" / "render" / "toy.py").write_text(toy)
    code = _LISTED.replace("{root}", str(copy))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    listed = [tuple(line.split()) for line in done.stdout.splitlines()]
    theirs = [(n.__module__.removeprefix("kinograph."), n.__name__) for n in NODES]
    assert listed == [*theirs, ("nodes.render.toy", "Toy")]
