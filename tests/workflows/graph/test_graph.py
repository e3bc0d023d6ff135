"""Graph files from users and strangers: what is wrong is said once, by name, with the cure."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinograph.engines.errors import GraphError
from kinograph.nodes.standin import host
from kinograph.workflows.graph.assign import with_values
from kinograph.workflows.graph.catalogue import catalogue
from kinograph.workflows.graph.load import load_graph, parse_graph
from kinograph.workflows.graph.model import Link
from kinograph.workflows.graph.plan import check
from kinograph.workflows.graph.shipped import DEMO_GRAPH, MEDIA

SHIPPED = json.loads(DEMO_GRAPH.read_text())
Edit = Callable[[dict[str, Any]], object]


def checked(data: Any, *assignments: str) -> Any:
    with host.using(host.Settings(inputs=(MEDIA,))):
        return check(
            with_values(parse_graph(data, "g.json"), assignments, catalogue()), catalogue()
        )


def test_the_shipped_graph_is_sound() -> None:
    plan = checked(SHIPPED)
    assert set(plan.order) == set(SHIPPED)
    assert not plan.warnings
    for id_ in plan.order:
        for value in plan.values[id_].values():
            if isinstance(value, Link):
                assert plan.order.index(value.node) < plan.order.index(id_)


def test_a_wrapped_prompt_is_a_graph() -> None:
    assert checked({"prompt": SHIPPED}).order == checked(SHIPPED).order


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda g: g["5"].update(class_type="KinographDetectPose"),
            "node 5 .*no node class 'KinographDetectPose' here; did you mean KinographDetectPoses?",
        ),
        (
            lambda g: g["5"].update(class_type="Zzz"),
            "no node class 'Zzz' here; .kinograph nodes. lists",
        ),
        (
            lambda g: g["5"]["inputs"].update(image=["77", 0]),
            r"node 5 \(KinographDetectPoses\), input 'image': linked to node 77, which does not ex",
        ),
        (
            lambda g: g["5"]["inputs"].update(image=["2", 9]),
            r"linked to output 9 of node 2 \(GetVideoComponents\), which has 3 outputs",
        ),
        (
            lambda g: g["5"]["inputs"].update(image=["4", 0]),
            r"input 'image': expected IMAGE, but output 0 of node 4 \(KinographBuildEngine\) is KI",
        ),
        (
            lambda g: g["5"]["inputs"].update(image="frames"),
            "input 'image': expected a link to a IMAGE output, found \"frames\"",
        ),
        (
            lambda g: g["2"]["inputs"].update(video=["9", 0]),
            "the links form a cycle: .*; remove one of them",
        ),
        (
            lambda g: g["5"]["inputs"].pop("max_people"),
            "node 5 .*: the input 'max_people' .INT. is missing; its default is 6",
        ),
        (
            lambda g: g["5"]["inputs"].update(max_people="many"),
            "input 'max_people': expected INT, found \"many\"",
        ),
        (
            lambda g: g["5"]["inputs"].update(max_people=0),
            "input 'max_people': expected at least 1, found 0",
        ),
        (
            lambda g: g["5"]["inputs"].update(score_threshold=7),
            "input 'score_threshold': expected at most 1.0, found 7.0",
        ),
        (
            lambda g: g["5"]["inputs"].update(score_threshold="nan"),
            "input 'score_threshold': expected a number, found NaN",
        ),
        (
            lambda g: g["6"]["inputs"].update(style="openpos"),
            'expected one of openpose, vace, .*, found "openpos"; did you mean openpose',
        ),
        (
            lambda g: g["1"]["inputs"].update(file="holiday.mp4"),
            r"node 1 \(LoadVideo\): holiday.mp4: there is no such video, neither as a path nor in",
        ),
        (
            lambda g: [g.pop(k) for k in ("10", "14")],
            "no output node, nothing to run; add one that saves or previews",
        ),
        (lambda g: g["5"].pop("class_type"), "node 5: expected an object with a class_type"),
        (lambda g: g["5"].update(inputs=[]), r"node 5: expected inputs as an object, found \[\]"),
        (lambda g: g.update({"5": 3}), "node 5: expected an object with a class_type, found 3"),
        (lambda g: g.clear(), "expected an object with one entry per node"),
    ],
)
def test_what_is_wrong_is_said(edit: Edit, message: str) -> None:
    graph = copy.deepcopy(SHIPPED)
    for output in ("12", "13"):  # so that all that is left needs what is edited
        graph.pop(output)
    edit(graph)
    with pytest.raises(GraphError, match=message) as caught:
        checked(graph)
    assert str(caught.value).startswith("g.json: ")


def test_a_bad_output_leaves_the_good_ones() -> None:
    graph = copy.deepcopy(SHIPPED)
    graph["6"]["inputs"]["style"] = "openpos"  # the drawing; keypoints need none
    plan = checked(graph)
    assert plan.outputs == ("12", "13")
    assert set(plan.order) == {"1", "2", "3", "4", "5", "7", "11", "12", "13"}
    (problem,) = plan.problems
    assert (problem.node, problem.input) == ("6", "style")
    assert "did you mean openpose" in problem.message


def test_values_that_no_node_makes_are_typed_in() -> None:
    for value in ("words", 3, {"a": [1]}, None, [1, 2, 3]):
        graph = {"1": {"class_type": "PreviewAny", "inputs": {"source": value}}}
        assert checked(graph).values["1"]["source"] == value


def test_all_problems_are_said_at_once() -> None:
    graph = copy.deepcopy(SHIPPED)
    graph["5"]["inputs"]["max_people"] = 0
    graph["6"]["inputs"]["style"] = "x"
    with pytest.raises(GraphError, match=r"2 problems\n  - node .*\n  - node "):
        checked(graph)


def test_only_what_outputs_need_is_checked() -> None:
    graph = copy.deepcopy(SHIPPED)
    graph["99"] = {"class_type": "KinographDrawSkeleton", "inputs": {}}
    assert "99" not in checked(graph).order


def test_spare_inputs_are_ignored_with_a_warning() -> None:
    graph = copy.deepcopy(SHIPPED)
    graph["5"]["inputs"]["colour"] = 1
    (warning,) = checked(graph).warnings
    assert warning == "node 5 (KinographDetectPoses): has no input 'colour'; it is ignored"


def test_values_are_coerced_as_comfyui_does() -> None:
    graph = copy.deepcopy(SHIPPED)
    graph["5"]["inputs"].update(max_people="3", score_threshold=1)
    graph["13"]["inputs"]["filename_prefix"] = 7
    values = checked(graph).values
    assert values["5"]["max_people"] == 3
    assert values["5"]["score_threshold"] == 1.0
    assert values["13"]["filename_prefix"] == "7"


def test_set() -> None:
    plan = checked(SHIPPED, "5.max_people=2", "LoadVideo.file=kinograph_two_people.mp4")
    assert plan.values["5"]["max_people"] == 2
    plan = checked(SHIPPED, 'KinographSaveKeypoints.filename_prefix=a=b "c"')
    assert plan.values["13"]["filename_prefix"] == 'a=b "c"'
    plan = checked(SHIPPED, "Detect Poses.max_people=1", "pose MAP.style=openpose")
    assert (plan.values["5"]["max_people"], plan.values["6"]["style"]) == (1, "openpose")
    plan = checked(SHIPPED, '8.image=["7", 0]')
    assert plan.values["8"]["image"] == Link("7", 0)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("5", "--set 5: expected NODE.INPUT=VALUE"),
        ("max_people=3", "--set max_people=3: expected NODE.INPUT=VALUE"),
        ("55.max_people=3", r"there is no such node in g.json; nodes: 1 \(Load Video\), 2"),
        (
            "SaveVideo.codec=h264",
            r"2 nodes have this title or class; give the id of one in g.json; nodes: "
            r"10 \(Save pose map\), 12 \(Save overlay\)",
        ),
        (
            "5.people=3",
            r"\(KinographDetectPoses\) has no input 'people'; did you mean max_people\?",
        ),
        ("5.xyz=3", r"node 5 \(KinographDetectPoses\) has no input 'xyz'; inputs: image, en"),
        ("Pose map.style=dwpose", 'expected one of openpose, vace, .*, found "dwpose"'),
        ("Pose map.style=vaec", r'found "vaec"; did you mean vace\?'),
        ("Detect Poses.max_people=0", "expected at least 1, found 0"),
        ("Detect Poses.max_people=many", 'expected INT, found "many"'),
    ],
)
def test_unusable_set(assignment: str, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        checked(SHIPPED, assignment)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe\x00", "expected a graph as JSON text"),
        (b"[]", r"expected an object with one entry per node, found \[\]"),
        (b'{"nodes": [], "links": []}', "there is nothing to run"),
        (b"[" * 100_000, "expected a graph, found lists or objects nested more than 200 deep"),
    ],
)
def test_files_that_are_no_graph(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "g.json"
    path.write_bytes(content)
    with pytest.raises(GraphError, match=message):
        load_graph(path)


LONG = "A" * 1_000_000


@pytest.mark.parametrize(
    "data",
    [
        {"1": {"class_type": LONG}},
        {LONG: {"class_type": "Foreign"}},
        {LONG: 1},
        {str(i): {"class_type": f"Foreign{i}"} for i in range(20_000)},
        {str(i): {"class_type": "PreviewImage", "inputs": {}} for i in range(20_000)},
        {"1": {"class_type": "PreviewImage", "inputs": {"images": [LONG, 0], LONG: 1}}},
        {"1": {"class_type": "PreviewImage", "inputs": {"images": LONG}}},
        {
            str(i): {"class_type": "PreviewImage", "inputs": {"images": [str((i + 1) % 20_000), 0]}}
            for i in range(20_000)
        },
        {"nodes": [{"id": LONG, "type": LONG, "mode": LONG}]},
        {"nodes": [{"id": 1, "type": LONG}], "links": [[LONG, LONG, LONG, LONG, LONG]]},
    ],
    ids=range(10),
)
def test_messages_have_a_few_thousand_characters_at_most(data: Any) -> None:
    with pytest.raises(GraphError) as caught:
        check(parse_graph(data, "g.json"), catalogue())
    assert len(str(caught.value)) < 12_000


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=r"no.json: there is no such file"):
        load_graph(tmp_path / "no.json")


def test_a_long_chain_is_no_problem() -> None:
    chain: dict[str, Any] = {"0": {"class_type": "LoadImage", "inputs": {"image": "a.png"}}}
    for i in range(1, 3000):
        chain[str(i)] = {
            "class_type": "ImageScale",
            "inputs": {
                "image": [str(i - 1), 0],
                "upscale_method": "area",
                "width": 8,
                "height": 8,
                "crop": "disabled",
            },
        }
    chain["out"] = {"class_type": "PreviewImage", "inputs": {"images": ["2999", 0]}}
    with pytest.raises(GraphError, match=r"a.png: there is no such image"):
        checked(chain)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(
    data=st.dictionaries(
        st.sampled_from("123"),
        st.fixed_dictionaries(
            {
                "class_type": st.sampled_from([*catalogue().names(), "Nope"]),
                "inputs": st.dictionaries(
                    st.sampled_from(["image", "poses", "video", "value", "images", "file"]),
                    json_values | st.tuples(st.sampled_from("1234"), st.integers(-2, 5)).map(list),
                ),
            }
        )
        | json_values,
    )
    | json_values
)
def test_no_graph_gives_a_traceback(data: Any) -> None:
    """Whatever the JSON: a plan of nodes that the graph has, or an error that names the file."""
    order: tuple[str, ...] = ()
    said = ""
    try:
        order = tuple(checked(data).order)
    except GraphError as error:
        said = str(error)
    assert said.startswith("g.json: ") == (not order)
    assert set(order) <= (set(data) if isinstance(data, dict) else set())
