"""Families are found by the files that declare them, and only when they are asked for."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kinograph.engines.errors import InputError, ModelError
from kinograph.engines.flow.family import flow_family
from kinograph.engines.models import families as module
from kinograph.engines.models.families import families, family_of, find_family, own_families
from kinograph.engines.models.registry import Model, find, own, registry
from kinograph.engines.pose import families as room
from kinograph.engines.pose.family import BoxHead, OneStage, TopDown, models_with
from kinograph.engines.runtime.network import network_of


def test_what_users_can_bring_in_the_order_of_menus() -> None:
    assert list(own_families("pose")) == [
        "yolo_nas_pose",
        "rtmo",
        "yolox",
        "rtmpose",
        "rtmpose_wholebody",
        "dwpose",
        "vitpose_base_simple",
        "vitpose_base",
        "vitpose_plus_small",
        "vitpose_plus_base",
        "vitpose_plus_large",
        "vitpose_plus_huge",
    ]
    assert list(own_families("flow")) == ["raft_small", "raft_large", "neuflow_v2", "spynet"]
    assert "movenet" in {family.name for family in families("pose")}


@pytest.mark.parametrize("name", registry())
def test_every_model_has_a_family_of_its_task(name: str) -> None:
    family = find_family(registry()[name].family)
    assert family is not None
    assert family.task == registry()[name].task


def test_models_are_listed_by_what_their_networks_see() -> None:
    kinds = [models_with(kind) for kind in (OneStage, TopDown, BoxHead)]
    assert kinds[2] == ["yolox_l"]
    assert kinds[0][:2] == ["movenet_multipose", "rtmo_t"]
    assert kinds[1][0] == "dwpose"
    poses = [entry.name for entry in registry().values() if entry.task == "pose"]
    assert sorted(name for names in kinds for name in names) == sorted(poses)


_TOY = """
from kinograph.engines.pose.family import OneStage, PoseFamily
from kinograph.engines.pose.families import movenet

FAMILIES = tuple(
    PoseFamily(
        name=name,
        network=lambda model: movenet.NETWORK,
        suffixes=(".toy",),
        recommended_size=256,
        head=movenet.FAMILY.head,
    )
    for name in {names}
)
"""


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose files count as families of poses."""
    monkeypatch.setattr(room, "__path__", [*room.__path__, str(tmp_path)])
    assert room.__spec__ is not None
    monkeypatch.setattr(room.__spec__, "submodule_search_locations", room.__path__)
    monkeypatch.setattr(module, "_known", dict(module._known))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith(f"{room.__name__}.toy")]:
        del sys.modules[name]


def test_a_new_family_is_one_file(toys: Path) -> None:
    (toys / "toy.py").write_text(_TOY.format(names='("toy", "toy_large")'))
    (toys / "x.toy").write_bytes(b"weights")
    assert list(own_families("pose"))[-2:] == ["toy", "toy_large"]  # behind the known ones
    entry = own("toy_large", "x.toy")
    assert (entry.task, entry.recommended_size) == ("pose", 256)
    model = Model.of_file(entry, toys / "x.toy")
    assert network_of(model).name == "movenet"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"toy": '("other",)'}, r"toy: expected a family called toy or toy_\.\.\., found 'other'"),
        ({"toy": '("toys",)'}, "found 'toys'"),
        ({"toy": '("toy", "toy")'}, "the family 'toy' is declared more than once"),
        ({"toy": '("toy_large",)', "toy_large": '("toy_large",)'}, "declared more than once"),
        ({"toy": "()"}, "expected FAMILY, or a tuple FAMILIES, found neither"),
    ],
)
def test_what_is_no_declaration(toys: Path, files: dict[str, str], message: str) -> None:
    for name, names in files.items():
        (toys / f"{name}.py").write_text(_TOY.format(names=names))
    with pytest.raises(ModelError, match=message):
        families("pose")


def test_an_unknown_family() -> None:
    model = Model.of_file(replace(find("movenet_multipose"), family="posenet"), Path("x"))
    with pytest.raises(ModelError, match="model movenet_multipose: unknown family 'posenet'"):
        family_of(model)
    with pytest.raises(ModelError, match=r"family: expected one of yolo_nas_pose, .*'posenet'"):
        own("posenet", "x.onnx")


def test_a_model_of_another_task() -> None:
    model = Model.of_file(find("movenet_multipose"), Path("x"))
    with pytest.raises(InputError, match="movenet_multipose does not estimate flow; choose a"):
        flow_family(model)


def test_options_that_a_family_does_not_have() -> None:
    model = Model.of_file(find("movenet_multipose"), Path("x"))
    with pytest.raises(ModelError, match="movenet_multipose: options: expected none, found both"):
        network_of(model.with_options(both=True))
    flow = Model.of_file(find("neuflow_v2"), Path("x"))
    with pytest.raises(ModelError, match="options: expected one of updates, both, warm, found way"):
        network_of(flow.with_options(way=1))
    assert network_of(flow.with_options(both=True, updates=0)).name == "neuflow_v2-8-both"


_IMPORTED = """
import sys
from kinograph.engines.models.families import find_family
from kinograph.engines.models.registry import registry
assert "torch" not in sys.modules
rooms = [n for n in sys.modules if ".families." in n]
assert not rooms, rooms
assert find_family("rtmpose_wholebody") is not None
print(*sorted(n.split(".")[-1] for n in sys.modules if ".families." in n))
print(*sorted({"transformers", "onnx", "onnxruntime"} & set(sys.modules)))
"""


def test_only_what_is_needed_is_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTED], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["rtmpose", ""]
