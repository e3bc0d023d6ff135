"""Headless core nodes have the inputs and outputs of ComfyUI 0.33."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kinograph.nodes.standin.io import AUTOGROW, DYNAMIC_COMBO, InputSpec
from kinograph.workflows.core import core_nodes

INFO = json.loads((Path(__file__).parents[2] / "data/core_nodes_of_comfyui_033.json").read_text())
OURS = {node.define_schema().node_id: node.define_schema() for node in core_nodes()}
# Outputs that only newer versions have, which nobody gives here.
FEWER = {"GetVideoComponents": 2}
# What older graphs lack, or what a frontend alone needs.
OPTIONAL = {
    "SaveVideo.codec",
    "ImageScaleToTotalPixels.resolution_steps",
    "ImageCompare.compare_view",
}


def compare(specs: Mapping[str, InputSpec], real: Mapping[str, Any], where: str) -> None:
    given = {**real.get("required", {}), **real.get("optional", {})}
    assert specs.keys() == given.keys(), where
    for name, spec in specs.items():
        kind, options = (*given[name], {})[:2]
        here = f"{where}.{name}"
        choices = kind if isinstance(kind, list) else options.get("options", [])
        if isinstance(kind, list):
            kind = "COMBO"
        if kind == "COMFY_MATCHTYPE_V3":
            kind = options["template"]["allowed_types"]
            assert spec.template == options["template"]["template_id"]
        assert spec.io_type == kind, here
        if here not in OPTIONAL:
            assert spec.optional == (name in real.get("optional", {})), here
        if "default" in options and spec.default is not None:
            assert spec.default == options["default"], here
        for bound in ("min", "max"):
            if bound in options and spec.io_type in ("INT", "FLOAT"):
                assert spec.widget[bound] == options[bound], here
        if kind == DYNAMIC_COMBO:
            assert list(spec.options) == [option["key"] for option in choices], here
            for option in choices:
                inner = {one.id: one for one in spec.branches[option["key"]]}
                compare(inner, option["inputs"], where)
        elif kind == AUTOGROW:
            assert spec.grows is not None
            template = options["template"]
            prefix, most = template.get("prefix"), template.get("max", 0)
            names = template.get("names") or [f"{prefix}{i}" for i in range(most)]
            assert list(spec.grows.names) == names, here
            assert spec.grows.least == template["min"], here
            compare({spec.grows.spec.id: spec.grows.spec}, template["input"], here)
        elif kind == "COMBO":
            assert list(spec.options) == list(dict.fromkeys(choices)), here


@pytest.mark.parametrize("name", OURS)
def test_a_core_node_is_that_of_comfyui(name: str) -> None:
    schema, real = OURS[name], INFO[name]
    compare({spec.id: spec for spec in schema.inputs}, real["input"], name)
    assert schema.is_output_node == real["output_node"]
    count = len(real["output"]) - FEWER.get(name, 0)
    types = ["*" if "MATCHTYPE" in kind else kind for kind in real["output"][:count]]
    ours = ["*" if output.template else output.io_type for output in schema.outputs]
    assert [kind if isinstance(kind, str) else "COMBO" for kind in types] == ours


def test_the_documentation_lists_every_core_node() -> None:
    text = (Path(__file__).parents[3] / "docs/long-batch-live.md").read_text()
    rows = [line.split("|")[2] for line in text.splitlines() if line.startswith("| ")]
    listed = [name.strip() for row in rows for name in row.split(",")]
    assert {schema.display_name for schema in OURS.values()} <= set(listed)
