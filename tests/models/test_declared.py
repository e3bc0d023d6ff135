import sys
from pathlib import Path

import pytest

from kinograph.engines.models import families as module
from kinograph.engines.models.declared import declared
from kinograph.engines.models.families import families, own_families, own_names


@pytest.mark.parametrize("task", ["pose", "flow"])
def test_names_are_read_from_the_source(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No module of a family has to be imported for a menu, and the menu is the same."""
    imported = list(own_families(task))

    def refused(name: str, stem: str) -> None:
        raise AssertionError(f"{name} was imported")

    monkeypatch.setattr(module, "_declared", refused)
    assert own_names(task) == imported


def test_what_is_read_is_what_is_declared() -> None:
    rooms = [name for name in sys.modules if name.endswith(".pose.families")]
    folder = Path(sys.modules[rooms[0]].__file__ or "").parent
    read = {entry.name: entry for path in folder.glob("*.py") for entry in declared(path)}
    assert "vitpose_base" in read  # one of several, made by a loop
    for family in families("pose"):
        if family.name in read:
            entry = read[family.name]
            wanted = (family.task, family.suffixes, family.order)
            assert (entry.task, entry.suffixes, entry.order) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "FAMILY = replace(OTHER, name='toy')",
        "FAMILY = PoseFamily(name=NAME)",
        "FAMILY = PoseFamily('toy')",
        "FAMILY = PoseFamily(**ALL)",
        "FAMILIES = [PoseFamily(name='toy')]",
        "FAMILY = Unknown(name='toy')",
        "",
    ],
)
def test_what_only_python_can_tell_is_left_to_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "families").mkdir()
    (tmp_path / "family.py").write_text("class PoseFamily:\n    task: str = 'pose'\n")
    (tmp_path / "families" / "toy.py").write_text(text)
    assert declared(tmp_path / "families" / "toy.py") == ()


def test_a_plain_declaration(tmp_path: Path) -> None:
    (tmp_path / "families").mkdir()
    (tmp_path / "family.py").write_text("class PoseFamily:\n    task: str = 'pose'\n")
    (tmp_path / "families" / "toy.py").write_text(
        "FAMILY = PoseFamily(name='toy', suffixes=('.onnx',), network=lambda m: m)"
    )
    (found,) = declared(tmp_path / "families" / "toy.py")
    assert (found.name, found.task, found.suffixes, found.order) == (
        "toy",
        "pose",
        (".onnx",),
        1000,
    )
