"""The manifest of a batch: read back whole after a kill, refused where it is a stranger's."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kinograph.engines.errors import InputError
from kinograph.workflows.batch.manifest import Header, Item, Manifest, Output, read_manifest

HEADER = Header("g.json", "ab", "1.file")


def test_the_journal_counts_and_its_cut_line_does_not(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path, HEADER, [Item("/a.mp4", "a"), Item("/b.mp4", "b")])
    manifest.save()
    done = Item("/a.mp4", "a", "done", 1, outputs=(Output("a/x.png", 3, "ff"),), warnings=("w",))
    manifest.put(done)
    journal = tmp_path / "manifest.journal"
    assert len(journal.read_text().splitlines()) == 1
    with journal.open("a") as file:
        file.write('{"path": "/b.mp4", "fol')  # killed while it wrote
    found = read_manifest(tmp_path)
    assert found is not None
    assert found.items == {"/a.mp4": done, "/b.mp4": Item("/b.mp4", "b")}
    assert found.header == HEADER
    found.save()
    assert not journal.exists()
    again = read_manifest(tmp_path)
    assert again is not None
    assert again.items == found.items


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.clear(), "is not a manifest of kinograph batch"),
        (lambda d: d.update(format="other"), "is not a manifest of kinograph batch"),
        (lambda d: d.pop("inputs"), "is damaged"),
        (lambda d: d["inputs"][0].update(folder="../.."), "folder: expected a name"),
        (lambda d: d["inputs"][0].update(folder=3), "folder: expected str, found int"),
        (lambda d: d["inputs"][0].update(status="fine"), "status: expected one of"),
        (lambda d: d["inputs"][0].update(folder=".a.attempt-1"), "folder: expected a name"),
        (lambda d: d["inputs"][0].update(folder="a\0"), "expected the name of a file"),
        (lambda d: d["inputs"][0].update(folder="\ud800"), "is damaged"),
        (lambda d: d["inputs"].append(d["inputs"][0] | {"path": "/A.mp4"}), "two inputs have the"),
        (lambda d: d["inputs"][0].update(extra=1), "is damaged"),
        (
            lambda d: d["inputs"][0].update(
                outputs=[{"path": "a/../../x", "bytes": 1, "sha256": ""}]
            ),
            "is not in a/",
        ),
        (
            lambda d: d["inputs"][0].update(outputs=[{"path": "/etc", "bytes": 1, "sha256": ""}]),
            "is not in a/",
        ),
    ],
)
def test_damaged_manifests_are_refused(
    tmp_path: Path, change: Callable[[Any], object], message: str
) -> None:
    manifest = Manifest(tmp_path, HEADER, [Item("/a.mp4", "a")])
    data = json.loads(json.dumps(manifest.as_dict()))
    change(data)
    (tmp_path / "manifest.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=message):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps(data)[:-5])
    with pytest.raises(InputError, match="is damaged"):
        read_manifest(tmp_path)
