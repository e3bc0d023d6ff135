"""The journal of a run in chunks, and the states that lie beside it."""

import json
import os
import pickle
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from chunked_clips import flow_graph, make_video, planned
from kinograph.engines.errors import GraphError
from kinograph.engines.flow.flow import Flow
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.tracking import Tracker
from kinograph.engines.video.sound import FileSound
from kinograph.nodes.streaming.growing import Growing
from kinograph.nodes.streaming.states import checksum, load_state, save_state
from kinograph.workflows.chunked.journal import NAME, Journal, differences, identity
from kinograph.workflows.graph.assign import with_values
from kinograph.workflows.graph.catalogue import catalogue
from kinograph.workflows.graph.plan import check


def people(frames: int = 3) -> Poses:
    poses = Poses.empty(frames, (48, 64), people=2)
    poses.keypoints[:, 0] = torch.rand(frames, 17, 2) * 40
    poses.confidence[:, 0] = 0.9
    poses.boxes[:, 0] = torch.tensor([1.0, 2.0, 30.0, 40.0])
    poses.count[:] = 1
    return poses


def tracked() -> Any:
    tracker = Tracker()
    tracker.update(people())
    return tracker.state


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"a": [1, 2.5, True, "x"], ("b", 1): (None, float("inf"))},
        Fraction(30000, 1001),
        range(3, 9),
        Path("a/b"),
        FileSound(Path("x.mp4"), 44100, 2),
    ],
)
def test_plain_states_there_and_back(value: Any, tmp_path: Path) -> None:
    save_state(value, tmp_path / "state")
    back = load_state(tmp_path / "state")
    assert back == value
    assert type(back) is type(value)


def test_tensors_and_classes_there_and_back(tmp_path: Path) -> None:
    poses, flow = people(), Flow(torch.rand(2, 2, 4, 5), None, 12.0, "")
    value = [poses, flow, torch.rand(10, 2)[3:5], np.arange(3), np.float32(2.5), float("nan")]
    save_state(value, tmp_path / "state")
    p, f, tensor, array, number, nan = load_state(tmp_path / "state")
    assert torch.equal(p.keypoints, poses.keypoints)
    assert (p.canvas, p.skeleton) == (poses.canvas, poses.skeleton)
    assert torch.equal(f.forward, flow.forward)
    assert (f.backward, f.fps, f.first) == (None, 12.0, "")
    assert torch.equal(tensor, value[2])
    assert array.dtype == np.int64
    assert array.tolist() == [0, 1, 2]
    assert number == np.float32(2.5)
    assert nan != nan
    # a slice does not bring along what it was cut from
    assert (tmp_path / "state").stat().st_size < 5000


def test_a_tracker_goes_on_from_its_file(tmp_path: Path) -> None:
    state = tracked()
    save_state(state, tmp_path / "state")
    one, other = Tracker(state=state), Tracker(state=load_state(tmp_path / "state"))
    more = people(5)
    assert torch.equal(one.update(more).track_ids, other.update(more).track_ids)


def test_what_is_no_state_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="cannot hold a object"):
        save_state([object()], tmp_path / "state")


@pytest.mark.parametrize(
    "text",
    [
        '{"class": ["Popen", {}]}',
        '{"call": ["os.system", "true"]}',
        '{"tensor": ["t9", "cpu"]}',
        '{"class": ["FlowState", {"nothing": 1}]}',
        "no JSON",
    ],
)
def test_a_state_from_a_stranger_runs_nothing(text: str, tmp_path: Path) -> None:
    save_file({}, tmp_path / "state", {"state": text, "sha256": checksum(text, {})})
    with pytest.raises(GraphError, match=r"is not a state of a run, or is damaged.*--restart"):
        load_state(tmp_path / "state")


def test_a_state_from_a_device_that_is_not_here(tmp_path: Path) -> None:
    tensors, text = {"t0": torch.ones(2)}, '{"tensor": ["t0", "cuda:99"]}'
    about = {"state": text, "sha256": checksum(text, tensors)}
    save_file(tensors, tmp_path / "state", about)
    with pytest.raises(GraphError, match=r"do not go to cuda:99 now .*run it where it was started"):
        load_state(tmp_path / "state")


def test_other_files_are_no_states(tmp_path: Path) -> None:
    for content in (b"", pickle.dumps({"a": 1}), b"\0" * 100):
        (tmp_path / "state").write_bytes(content)
        with pytest.raises(GraphError, match="is not a state"):
            load_state(tmp_path / "state")


def test_the_last_entry_is_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.read() is None
    for done in range(3):
        journal.write({**ENTRY, "done": done})
    entry = journal.read()
    assert entry is not None
    assert entry["done"] == 2
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


ENTRY: dict[str, Any] = {
    "identity": {"nodes": {}, "files": {}},
    "phase": "running",
    "pass": 0,
    "done": 0,
    "total": 0,
    "state": "",
    "kept": [],
    "serial": 1,
    "saved": {},
    "contents": {},
    "sinks": {},
}


@pytest.mark.parametrize(
    "change",
    [
        {"done": -1},
        {"done": "3"},
        {"phase": "over"},
        {"state": "../../other.state"},
        {"kept": ["/etc/passwd"]},
        {"saved": {"1": "x.png"}},
        {"contents": {"1": [3]}},
        {"sinks": {"1": {"path": 3, "mark": {}}}},
        {"identity": {"nodes": [], "files": {}}},
        {"identity": {"nodes": {}, "files": {"1.file": {}}}},
    ],
)
def test_an_entry_with_other_values(change: dict[str, Any], tmp_path: Path) -> None:
    Journal(tmp_path).write({**ENTRY, **change})
    with pytest.raises(GraphError, match=r"journal.json: is damaged .*--restart") as caught:
        Journal(tmp_path).read()
    assert len(str(caught.value)) < 1000


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / NAME)
    with pytest.raises(GraphError, match=r"expected a regular file, found a pipe.*--restart"):
        Journal(tmp_path).read()
    (tmp_path / "lock").mkdir()
    journal = Journal(tmp_path)
    with pytest.raises(GraphError, match=r"lock: .*found a folder.*--restart"):
        journal.acquire()
    journal.clear_lock()
    assert journal.acquire()
    journal.release()


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    save_state({"a": torch.zeros(100)}, tmp_path / "state")
    content = bytearray((tmp_path / "state").read_bytes())
    content[-1] ^= 1
    (tmp_path / "state").write_bytes(content)
    with pytest.raises(GraphError, match=r"checksum differs.*--restart"):
        load_state(tmp_path / "state")
    growing = Growing(tmp_path / "part")
    growing.append(b"0123456789")
    size, sha256 = growing.size(), growing.sha256
    growing.append(b"more")
    growing.close()
    again = Growing(tmp_path / "part")
    again.cut_back(size, sha256)
    again.close()
    assert (tmp_path / "part").read_bytes() == b"0123456789"
    (tmp_path / "part").write_bytes(b"0123456788")
    damaged = Growing(tmp_path / "part")
    with pytest.raises(GraphError, match=r"checksum differs.*--restart"):
        damaged.cut_back(size, sha256)
    damaged.close()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 99}', "null", "[" * 100_000, '{"version": 3}']
)
def test_an_entry_that_cannot_be_read(text: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(GraphError, match=r"journal.json: .*--restart"):
        Journal(tmp_path).read()


def test_a_lock_is_for_one(tmp_path: Path) -> None:
    one, other = Journal(tmp_path), Journal(tmp_path)
    assert one.acquire()
    assert not other.acquire()
    one.release()
    assert other.acquire()
    other.release()


def test_what_a_run_is_the_same_by(tmp_path: Path) -> None:
    make_video(tmp_path / "clip.mp4", 3, sound=False)
    plan, settings = planned(flow_graph("clip.mp4"), tmp_path)
    before = json.loads(json.dumps(identity(plan, settings)))

    def changes(*values: str, **settings_: Any) -> list[str]:
        graph = with_values(flow_graph("clip.mp4"), values, catalogue())
        now = replace(settings, **settings_)
        from kinograph.nodes.standin import host

        with host.using(now):
            return list(differences(before, identity(check(graph, catalogue()), now)))

    assert changes() == []
    assert changes("d.strength=2", "n.length_mode=pad") == [
        "node d (KinographDrawFlow): strength was 1.0, is 2.0",
        'node n (KinographVaceNormalise): length_mode was "cut", is "pad"',
    ]
    assert changes(device="cuda:1") == ["the device was auto, is cuda:1"]
    make_video(tmp_path / "other.mp4", 3, sound=False)
    assert 'file was "clip.mp4", is "other.mp4"' in changes("v.file=other.mp4")[0]
    before["kinograph"] = "0.0.1"
    assert changes()[0].startswith("Kinograph's version was 0.0.1, is ")
    before["kinograph"] = identity(plan, settings)["kinograph"]
    make_video(tmp_path / "clip.mp4", 4, sound=False)
    assert changes() == [f"{tmp_path / 'clip.mp4'} has changed since"]
