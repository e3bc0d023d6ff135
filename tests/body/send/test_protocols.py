"""What receivers of each protocol read."""

import json
import pickle
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.rig import mannequin
from kinograph.engines.body.send import PROTOCOLS, protocol_named
from kinograph.engines.body.send.osc import MOST_BYTES, bundles, message
from kinograph.engines.body.send.pickled import Member, as_pickle
from kinograph.engines.body.send.protocol import Frame, Options, Session
from kinograph.engines.body.skinning import skin
from kinograph.engines.body.smpl.convert import as_smpl
from kinograph.engines.body.smpl.read import read_smpl
from kinograph.engines.errors import InputError
from kinograph.engines.geometry import rotations
from made_bodies import joints_of, moving
from made_smpl import smpl_arrays


def session(name: str, **options: Any) -> Session:
    return protocol_named(name).session(mannequin(), Options(**options))


def frames(bodies: Bodies) -> Iterator[Frame]:
    for number in range(len(bodies)):
        yield Frame(number, number / 25, bodies.slice(number, number + 1))


def gone(bodies: Bodies, *numbers: int) -> Bodies:
    """Return the same with nobody in some frames."""
    count = bodies.count.clone()
    count[list(numbers)] = 0
    return replace(bodies, count=count)


def remi(data: bytes) -> bytes:
    """Return the payload of one frame of REMI's, as its relay checks it."""
    magic, size, crc = struct.unpack(">4sII", data[:12])
    payload = data[12:]
    assert (magic, size, crc) == (b"SMPL", len(payload), zlib.crc32(payload))
    return payload


@pytest.mark.parametrize("pickled", [False, True])
def test_remi(pickled: bool) -> None:
    bodies = gone(moving(frames=3), 2)
    speaks = session("remi", pickle=pickled)
    read = pickle.loads if pickled else json.loads
    payloads = [read(remi(b"".join(speaks.encode(frame)))) for frame in frames(bodies)]
    for number, payload in enumerate(payloads):
        values = {name: np.array(value) for name, value in payload.items()}
        if pickled:
            assert all(value.dtype == np.float32 for value in payload.values())
        assert {name: value.shape for name, value in values.items()} == {
            "poses_body": (1, 69),
            "poses_root": (1, 3),
            "betas": (1, 10),
            "trans": (1, 3),
        }
        if number == 2:  # a T-pose where nobody is
            assert not any(value.any() for value in values.values())
            continue
        vectors = torch.from_numpy(np.concatenate([values["poses_root"], values["poses_body"]], 1))
        found = rotations.to_matrices(rotations.exp_map(vectors.double().view(24, 3)))
        wanted = as_smpl(mannequin(), bodies.rotation[number, :1])[0]
        torch.testing.assert_close(found.float(), wanted, atol=1e-5, rtol=0)
        x, y, _ = bodies.translation[number, 0].tolist()
        assert values["trans"][0].tolist() == pytest.approx([x, y + 0.8, 0])


def test_bodies_of_smpl_itself(tmp_path: Path) -> None:
    """Which need no conversion, and have a shape."""
    np.savez(tmp_path / "smpl.npz", **smpl_arrays(60))
    rig = read_smpl(tmp_path / "smpl.npz")
    bodies = moving(frames=1, rig=rig)
    (frame,) = frames(bodies)
    payload = json.loads(
        remi(b"".join(protocol_named("remi").session(rig, Options()).encode(frame)))
    )
    assert payload["betas"][0] == pytest.approx(bodies.shape[0, 0].tolist())
    vectors = torch.tensor([*payload["poses_root"][0], *payload["poses_body"][0]]).view(24, 3)
    turned = rotations.to_matrices(rotations.exp_map(vectors))
    torch.testing.assert_close(turned, bodies.rotation[0, 0], atol=1e-5, rtol=0)
    bones = osc(list(protocol_named("vmc").session(rig, Options()).encode(frame)))[3:]
    spine = next(m.params[1:] for m in bones if m.params[0] == "Spine")
    rest = rig.rest + torch.einsum("s,sji->ji", bodies.shape[0, 0], rig.shape_rest)
    x, y, z = (rest[3] - rest[0]).tolist()
    assert spine[:3] == pytest.approx([-x, y, z], abs=1e-6)


def test_the_default_of_remi_is_no_pickle() -> None:
    (data,) = session("remi").encode(next(frames(moving(frames=1))))
    assert remi(data).startswith(b'{"poses_body":[[')


def test_pickles_are_as_pythons_own() -> None:
    value = {
        "a": 1,
        "b": (True, False, None, -7, 2.5, "ä", b"\0\xff"),
        "array": np.arange(12, dtype=np.float32).reshape(3, 4),
        "turned": np.arange(6, dtype=">i4").reshape(2, 3).T,
        "nothing": np.zeros((0, 3)),
        "one": np.array(3.5),
    }
    found = pickle.loads(as_pickle(value))
    assert found.keys() == value.keys()
    for name, held in value.items():
        np.testing.assert_array_equal(found[name], held)
    assert found["b"] == value["b"]
    assert found["array"].dtype == np.float32
    assert found["array"].flags.writeable
    with pytest.raises(TypeError, match="cannot be written as a pickle: a set"):
        as_pickle({"a": {1}})


def osc(datagrams: list[bytes]) -> list[OscMessage]:
    """Return the messages in datagrams, as python-osc reads them."""
    found = []
    for data in datagrams:
        assert len(data) <= MOST_BYTES
        bundle = OscBundle(data)
        assert bundle.size == len(data)
        found += list(bundle)
    return found


def test_vmc() -> None:
    rig = mannequin()
    bodies = gone(moving(frames=3), 1)
    speaks = session("vmc")
    said = [osc(list(speaks.encode(frame))) for frame in frames(bodies)]
    assert [(m.address, m.params) for m in said[1]] == [
        ("/VMC/Ext/OK", [0]),
        ("/VMC/Ext/T", [pytest.approx(0.04)]),
    ]
    for number in (0, 2):
        ok, at, root, *bones = said[number]
        assert (ok.address, ok.params) == ("/VMC/Ext/OK", [1])
        assert at.params == [pytest.approx(number / 25)]
        assert root.address == "/VMC/Ext/Root/Pos"
        assert root.params == ["root", 0, 0, 0, 0, 0, 0, 1]
        assert {m.address for m in bones} == {"/VMC/Ext/Bone/Pos"}
        by_name = {m.params[0]: m.params[1:] for m in bones}
        assert len(by_name) == 22
        turns = rotations.to_quaternions(as_smpl(rig, bodies.rotation[number, :1])[0])
        w, x, y, z = turns[18].tolist()  # SMPL's left elbow; mirrored in x
        assert by_name["LeftLowerArm"][3:] == pytest.approx([x, -y, -z, w], abs=1e-6)
        moved = (bodies.translation[number, 0] - bodies.translation[0, 0]).tolist()
        hips = by_name["Hips"][:3]
        assert [hips[0], hips[2]] == pytest.approx([-moved[0], moved[2]], abs=1e-6)
        assert 0.75 < hips[1] - moved[1] < 1.1  # above the ground


def test_bones_of_vmc_lie_where_the_joints_do() -> None:
    """Put together in Unity's axes and mirrored back they give the joints of the body."""
    rig = mannequin()
    bodies = moving(frames=1, bodies=1)
    (frame,) = frames(bodies)
    bones = {m.params[0]: m.params[1:] for m in osc(list(session("vmc").encode(frame)))[3:]}
    place: dict[str, torch.Tensor] = {}
    turn: dict[str, torch.Tensor] = {}
    for name, above in (
        ("Hips", ""),
        *(("LeftUpperLeg", "Hips"), ("LeftLowerLeg", "LeftUpperLeg"), ("LeftFoot", "LeftLowerLeg")),
        *(("Spine", "Hips"), ("Chest", "Spine"), ("UpperChest", "Chest")),
        *(("RightShoulder", "UpperChest"), ("RightUpperArm", "RightShoulder")),
        *(("RightLowerArm", "RightUpperArm"), ("RightHand", "RightLowerArm")),
    ):
        values = torch.tensor(bones[name], dtype=torch.float64)
        local = rotations.to_matrices(values[[6, 3, 4, 5]])
        turn[name] = turn[above] @ local if above else local
        place[name] = place[above] + turn[above] @ values[:3] if above else values[:3]
    joints = joints_of(bodies, rig)[0, 0].double()
    for name, joint in (
        ("LeftFoot", "foot_l"),
        ("RightUpperArm", "upperarm_r"),
        ("RightHand", "hand_r"),
    ):
        found = (place[name] - place["Hips"]) * torch.tensor([-1.0, 1.0, 1.0])
        wanted = joints[rig.index(joint)] - joints[0]
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_osc_is_as_python_osc_reads_it() -> None:
    parts = [message("/a", "text", 3, -2.5), message("/bcd", "", "ünï"), message("/none")]
    found = osc(list(bundles(parts)))
    assert [(m.address, m.params) for m in found] == [
        ("/a", ["text", 3, -2.5]),
        ("/bcd", ["", "ünï"]),
        ("/none", []),
    ]
    many = osc(list(bundles(message("/x", i) for i in range(500))))
    assert [m.params for m in many] == [[i] for i in range(500)]
    assert list(bundles([])) == []


def test_json_lines() -> None:
    rig = mannequin()
    bodies = gone(moving(frames=3), 1)
    speaks = session("json")
    lines = [json.loads(line) for frame in frames(bodies) for line in speaks.encode(frame)]
    head, *rest = lines
    assert (head["format"], head["version"], head["rig"]) == ("kinograph.bodies", 1, "mannequin")
    assert head["joints"] == list(rig.joints)
    assert [line["frame"] for line in rest] == [0, 1, 2]
    assert rest[1]["bodies"] == []
    second = rest[2]["bodies"][1]
    assert second["track"] == 4
    assert second["score"] == pytest.approx(0.8)
    expected = joints_of(bodies, rig)[2, 1]
    torch.testing.assert_close(torch.tensor(second["joints"]), expected, atol=1e-5, rtol=0)
    turned = rotations.to_matrices(torch.tensor(second["rotation"]))
    torch.testing.assert_close(turned, bodies.rotation[2, 1], atol=3e-5, rtol=0)
    assert all(b"\n" not in line[:-1] for line in session("json").encode(next(frames(bodies))))


@pytest.fixture
def message_kinds(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a viewer's pickles name."""
    module = ModuleType("aitviewer.remote.message")
    kinds = Enum("Message", {"MESHES": 2, "DELETE": 100, "UPDATE_FRAMES": 102})
    module.Message = kinds  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "aitviewer", ModuleType("aitviewer"))
    monkeypatch.setitem(sys.modules, "aitviewer.remote", ModuleType("aitviewer.remote"))
    monkeypatch.setitem(sys.modules, "aitviewer.remote.message", module)
    return kinds


def test_aitviewer(message_kinds: Any) -> None:
    """A node appears with its track, moves, and goes with it."""
    rig = mannequin()
    bodies = moving(frames=3)
    count = bodies.count.clone()
    count[2] = 1
    bodies = replace(bodies, count=count)
    speaks = session("aitviewer")
    said = [[pickle.loads(data) for data in speaks.encode(frame)] for frame in frames(bodies)]
    assert [[m["type"].name for m in each] for each in said] == [
        ["MESHES", "MESHES"],
        ["UPDATE_FRAMES", "UPDATE_FRAMES"],
        ["DELETE", "UPDATE_FRAMES"],
    ]
    assert [[m["uid"] for m in each] for each in said] == [[1, 2], [1, 2], [2, 1]]
    made = said[0][1]["kwargs"]
    assert made["name"] == "body 4"
    assert made["vertices"].shape == (1, len(rig.template), 3)
    np.testing.assert_array_equal(made["faces"], rig.triangles)
    moved = said[1][0]["kwargs"]
    assert moved["frames"] == 0
    posed = skin(rig, bodies.rotation[1], bodies.translation[1], bodies.shape[1])
    np.testing.assert_allclose(moved["vertices"], posed.vertices[0], atol=1e-6)


def test_members_are_named_by_their_module(message_kinds: Any) -> None:
    found = pickle.loads(as_pickle((Member("aitviewer.remote.message", "Message", 100),)))
    assert found == (message_kinds.DELETE,)


def test_one_person_is_followed() -> None:
    """The first one, although the other gets the higher score; another after a second without."""
    bodies = moving(frames=40)
    swapped = torch.arange(40) % 2 == 1
    ids = torch.where(swapped[:, None], bodies.track_ids.flip(1), bodies.track_ids)
    place = torch.where(swapped[:, None, None], bodies.translation.flip(1), bodies.translation)
    bodies = replace(bodies, track_ids=ids, translation=place)
    for options, track in (({}, 3), ({"track": 4}, 4)):
        speaks = session("remi", **options)
        for number, frame in enumerate(frames(bodies)):
            payload = json.loads(remi(b"".join(speaks.encode(frame))))
            own = bodies.translation[number, ids[number].tolist().index(track), 0].item()
            assert payload["trans"][0][0] == pytest.approx(own)
    count = torch.ones_like(bodies.count)
    alone = replace(moving(frames=40), count=count)
    speaks = session("remi")
    first = next(frames(alone))
    list(speaks.encode(first))
    other = replace(alone, track_ids=torch.full_like(ids, 9))
    still = [json.loads(remi(b"".join(speaks.encode(f))))["trans"][0][1] for f in frames(other)]
    assert still[:30] == [0.0] * 30  # a T-pose
    assert 0.0 not in still[30:]


def test_rigs_that_a_protocol_cannot_carry() -> None:
    other = replace(mannequin(), name="spider")
    for name in PROTOCOLS:
        make = protocol_named(name).session
        if name in ("remi", "vmc"):
            with pytest.raises(InputError, match="rig: expected mannequin or smpl, found spider"):
                make(other, Options())
        else:
            make(other, Options())
    with pytest.raises(InputError, match="send: expected one of json, remi, vmc, aitviewer"):
        protocol_named("smoke")
