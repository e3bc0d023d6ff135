"""Public graphs, as ComfyUI 0.33 with its editor 1.58 sends them.

tests/data/editor/frontend_1_58 holds the definitions of the classes in use, and by name each graph
with what the editor sent for it.
"""

import json
import lzma
from functools import cache
from typing import Any

import pytest

from editor_cases import FOLDER, meaning
from kinograph.engines.errors import GraphError
from kinograph.nodes.standin.io import Schema
from kinograph.workflows.graph.editor.nodes import definitions_of
from kinograph.workflows.graph.load import parse_graph
from kinograph.workflows.graph.model import graph_as_json


def recorded(name: str) -> Any:
    return json.loads(lzma.decompress((FOLDER / "frontend_1_58" / f"{name}.json.xz").read_bytes()))


@cache
def graphs() -> dict[str, Any]:
    found: dict[str, Any] = recorded("graphs")
    return found


@cache
def newest() -> dict[str, Schema]:
    return definitions_of(recorded("object_info"))


# What the browser knows and the file does not: the pictures of 3D views, a video's preview, a mask
# that is uploaded when the graph is queued.
OF_THE_BROWSER = {
    *(("SaveGLB", "image"), ("Preview3D", "image"), ("LoadVideo", "video-preview")),
    ("Painter", "mask"),
}
# The editor drops this link; the file has it.
LOST_BY_THE_EDITOR = {("api_flux2.json", "23", "model.images.image_4")}


def differences(name: str) -> list[tuple[str, str, Any, Any]]:
    entry = graphs()[name]
    sent = meaning(entry["editor"])
    ours = meaning(graph_as_json(parse_graph(entry["graph"], name, newest())))
    assert ours.keys() == sent.keys()
    found = []
    for id_, node in sent.items():
        assert ours[id_]["class_type"] == node["class_type"]
        inputs, expected = ours[id_]["inputs"], node["inputs"]
        for key in dict.fromkeys([*expected, *inputs]):
            if (node["class_type"], key) in OF_THE_BROWSER or (
                name,
                id_,
                key,
            ) in LOST_BY_THE_EDITOR:
                continue
            pair = expected.get(key, "absent"), inputs.get(key, "absent")
            if json.dumps(pair[0]) != json.dumps(pair[1]) and not same_number(*pair):
                found.append((id_, key, *pair))
    return found


def same_number(one: Any, other: Any) -> bool:
    """JavaScript writes 1.0 as 1."""
    numbers = (type(one), type(other)) in ((int, float), (float, int))
    return numbers and bool(one == other)


def test_there_are_graphs() -> None:
    assert len(graphs()) == 90
    assert sum(len(entry["editor"]) for entry in graphs().values()) > 1000


@pytest.mark.parametrize("name", sorted(graphs()))
def test_public_graphs_become_what_the_editor_sends(name: str) -> None:
    assert differences(name) == []


def combo(**branches: Any) -> list[Any]:
    options = [{"key": key, "inputs": inputs} for key, inputs in branches.items()]
    return ["COMFY_DYNAMICCOMBO_V3", {"options": options}]


def required(**inputs: Any) -> dict[str, Any]:
    return {"required": inputs}


def converted(node: dict[str, Any], inputs: dict[str, Any], links: Any = ()) -> dict[str, Any]:
    """Return the inputs that a node gets which has these in its definition."""
    info = {
        "A": {"input": inputs, "output": []},
        "B": {"input": {}, "output": ["IMAGE"], "output_name": ["IMAGE"]},
    }
    data = {
        "nodes": [{"id": 1, "type": "A", "mode": 0, **node}, {"id": 2, "type": "B", "mode": 0}],
        "links": list(links),
    }
    graph = parse_graph(data, "g.json", definitions_of(info))
    return meaning(graph_as_json(graph))["1"]["inputs"]


SCALE = required(
    how=combo(
        to=required(
            width=["INT", {"default": 512}], seed=["INT", {"control_after_generate": True}]
        ),
        like=required(match=["IMAGE"], inner=combo(a={}, b=required(depth=["FLOAT"]))),
    ),
    method=["STRING"],
)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["to", 8, 3, "fixed", "m"], {"how": "to", "how.width": 8, "how.seed": 3, "method": "m"}),
        (
            ["like", "b", 0.5, "m"],
            {"how": "like", "how.inner": "b", "how.inner.depth": 0.5, "method": "m"},
        ),
        (["like", "a", "m"], {"how": "like", "how.inner": "a", "method": "m"}),
        ([], {"how": "to", "how.width": 512, "how.seed": 0, "method": ""}),
        (["gone", "m"], {"how": "gone", "method": "m"}),
        (
            {"how": "to", "how.width": 8, "method": "m"},
            {"how": "to", "how.width": 8, "how.seed": 0, "method": "m"},
        ),
    ],
)
def test_values_follow_the_option_that_is_chosen(values: Any, expected: dict[str, Any]) -> None:
    assert converted({"widgets_values": values}, SCALE) == expected


@pytest.mark.parametrize(("option", "linked"), [("like", True), ("to", False)])
def test_an_input_disappears_with_its_option(option: str, linked: bool) -> None:
    slot = {"name": "how.match", "type": "IMAGE", "link": 1}
    found = converted(
        {"widgets_values": [option], "inputs": [slot]}, SCALE, [[1, 2, 0, 1, 0, "IMAGE"]]
    )
    assert ("how.match" in found) is linked


def test_inputs_that_grow_have_the_names_of_the_definition() -> None:
    template = {"input": required(image=["IMAGE"]), "prefix": "image", "min": 1, "max": 3}
    slots = [{"name": f"images.image{i}", "type": "IMAGE", "link": i} for i in (0, 2)]
    found = converted(
        {"inputs": slots},
        required(images=["COMFY_AUTOGROW_V3", {"template": template}]),
        [[i, 2, 0, 1, slot, "IMAGE"] for slot, i in enumerate((0, 2))],
    )
    assert found == {"images.image0": ["2", 0], "images.image2": ["2", 0]}


TWO = {"input": required(a=["INT"], b=["INT"]), "prefix": "x"}


@pytest.mark.parametrize(
    "spec",
    [
        ["COMFY_DYNAMICGROUP_V3", {"template": required(a=["INT"])}],
        ["COMFY_NEWER_V4", {}],
        [
            "COMFY_AUTOGROW_V3",
            {"template": {"input": required(a=["INT"], b=["INT"]), "prefix": "x"}},
        ],
        ["COMFY_AUTOGROW_V3", {}],
    ],
)
def test_a_form_of_input_that_is_not_known_is_refused_by_name(spec: list[Any]) -> None:
    with pytest.raises(GraphError, match=rf"node 1 \(A\): the input 'rows' .*\({spec[0]}\)"):
        converted({"widgets_values": [1]}, required(rows=spec))


def test_a_combo_of_options_of_ones_own_sends_them_with_the_index() -> None:
    inputs = required(choice=["COMBO", {"options": []}])
    info = {"CustomCombo": {"input": inputs, "output": ["STRING"]}}
    for values, expected in (
        (
            ["G", 0, "R", "G"],
            {"choice": "G", "index": 1, "option1": "R", "option2": "G", "option3": ""},
        ),
        (["x", 0, ""], {"choice": "x", "index": -1, "option1": ""}),
    ):
        data = {"nodes": [{"id": 1, "type": "CustomCombo", "widgets_values": values}], "links": []}
        graph = parse_graph(data, "g.json", definitions_of(info))
        assert graph.nodes["1"].inputs == {"choice": values[0], **expected}
