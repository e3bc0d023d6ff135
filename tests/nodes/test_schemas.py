"""Node ids, inputs, types and defaults: what saved workflows depend on."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

import kinograph
from kinograph.nodes.extension import NODES
from kinograph.nodes.standin.io import Schema
from kinograph.workflows.graph.schema_json import schema_as_dict

LOCK = Path(__file__).parent / "schema.lock.json"
SCHEMAS = {schema.node_id: schema for schema in (node.define_schema() for node in NODES)}


Tree = dict[str, Any]


def extended(locked: Tree, now: Tree) -> Tree:
    """The lock with new nodes, inputs and outputs; nothing that it holds changes."""
    more = {name: node for name, node in now.items() if name not in locked}
    for name, before in locked.items():
        inputs = {**now[name]["inputs"], **before["inputs"]}
        outputs = before["outputs"] + now[name]["outputs"][len(before["outputs"]) :]
        more[name] = {**before, "inputs": inputs, "outputs": outputs}
    return {name: more[name] for name in (*locked, *(n for n in more if n not in locked))}


def test_the_lock_grows_and_does_not_change() -> None:
    """What --update-golden writes, if the order of nodes and what is locked of them stays."""
    now = {name: json.loads(json.dumps(schema_as_dict(s))) for name, s in SCHEMAS.items()}
    text = LOCK.read_text()
    assert json.dumps(extended(json.loads(text), now), indent=1) + "\n" == text
    less = json.loads(text)
    node = less.pop("KinographTrackPoses")
    del less["KinographDrawSkeleton"]["inputs"]["colours"]
    less["KinographDrawSkeleton"]["outputs"].pop()
    more = extended(less, now)
    assert list(more)[-1] == "KinographTrackPoses"
    assert more["KinographTrackPoses"] == node
    assert more["KinographDrawSkeleton"] == json.loads(text)["KinographDrawSkeleton"]


def test_saved_workflows_stay_valid(request: pytest.FixtureRequest) -> None:
    """A locked node keeps its id, inputs, order, types, defaults and outputs; new may come.

    After adding something, --update-golden adds it to the lock and changes nothing that is there.
    """
    now = {name: json.loads(json.dumps(schema_as_dict(s))) for name, s in SCHEMAS.items()}
    locked = json.loads(LOCK.read_text())
    if request.config.getoption("--update-golden"):
        locked = extended(locked, now)
        LOCK.write_text(json.dumps(locked, indent=1) + "\n")
    assert locked.keys() <= now.keys()
    for name, before in locked.items():
        after = now[name]
        assert after["output_node"] == before["output_node"]
        assert after["outputs"][: len(before["outputs"])] == before["outputs"], name
        assert list(after["inputs"])[: len(before["inputs"])] == list(before["inputs"]), name
        for input_name, spec in before["inputs"].items():
            new = dict(after["inputs"][input_name])
            if "options" in spec:
                assert set(spec["options"]) <= set(new.pop("options")), f"{name}.{input_name}"
            spec = {k: v for k, v in spec.items() if k != "options"}
            assert {k: new.get(k) for k in spec} == spec, f"{name}.{input_name}"
        for input_name in after["inputs"].keys() - before["inputs"].keys():
            assert after["inputs"][input_name]["optional"], f"{name}.{input_name} must be optional"
    assert now.keys() == locked.keys(), "lock the new nodes, too"


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_everything_is_explained(schema: Schema) -> None:
    assert schema.node_id.startswith("Kinograph")
    assert schema.category.startswith("Kinograph/")
    assert schema.description
    assert schema.display_name
    for spec in schema.inputs:
        assert spec.tooltip.endswith("."), f"{schema.node_id}.{spec.id}"
        if spec.is_widget:
            assert spec.default is not None
        if spec.options:
            assert spec.default in spec.options
    for output in schema.outputs:
        assert output.tooltip.endswith("."), f"{schema.node_id}.{output.display_name}"


def test_the_entry_point_gives_the_nodes() -> None:
    async def nodes() -> list[type]:
        extension = await kinograph.comfy_entrypoint()
        return await extension.get_node_list()

    assert asyncio.run(nodes()) == NODES
