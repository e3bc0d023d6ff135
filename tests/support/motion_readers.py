"""Readers of motion files that share nothing with what writes them: NumPy and SciPy only."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation


def read_bvh(path: Path) -> tuple[dict[str, Any], float]:
    """Return where each joint is in every frame, [F,3] by its name, and the time of a frame."""
    words = path.read_text(encoding="ascii").split()
    at = words.index("MOTION")
    joints: list[dict[str, Any]] = []
    stack: list[int] = []
    i = 1
    while i < at:
        word = words[i]
        if word in ("ROOT", "JOINT", "End"):
            parent = stack[-1] if stack else -1
            name = f"{joints[parent]['name']} end" if word == "End" else words[i + 1]
            joints.append({"name": name, "parent": parent, "channels": []})
            i += 2
        elif word == "{":
            stack.append(len(joints) - 1)
            i += 1
        elif word == "}":
            stack.pop()
            i += 1
        elif word == "OFFSET":
            joints[-1]["offset"] = np.array(words[i + 1 : i + 4], float)
            i += 4
        else:
            assert word == "CHANNELS"
            count = int(words[i + 1])
            joints[-1]["channels"] = words[i + 2 : i + 2 + count]
            i += 2 + count
    assert words[at + 1] == "Frames:"
    assert words[at + 3 : at + 5] == ["Frame", "Time:"]
    frames = int(words[at + 2])
    values = np.array(words[at + 6 :], float).reshape(frames, -1)
    turns: list[Any] = []
    column = 0
    for joint in joints:
        channels = joint["channels"]
        own = values[:, column : column + len(channels)]
        column += len(channels)
        place = np.tile(joint["offset"], (frames, 1))
        order = ""
        angles = []
        for name, value in zip(channels, own.T, strict=True):
            if name.endswith("position"):
                place[:, "XYZ".index(name[0])] += value
            else:
                order += name[0]
                angles.append(value)
        if order:
            turn = Rotation.from_euler(order, np.stack(angles, 1), degrees=True).as_matrix()
        else:
            turn = np.tile(np.eye(3), (frames, 1, 1))
        parent = joint["parent"]
        if parent >= 0:
            place = joints[parent]["at"] + np.einsum("fij,fj->fi", turns[parent], place)
            turn = turns[parent] @ turn
        joint["at"] = place
        turns.append(turn)
    assert column == values.shape[1]
    return {joint["name"]: joint["at"] for joint in joints}, float(words[at + 5])


class Glb:
    """A binary glTF file with one animation."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        magic, version, length, size, kind = struct.unpack("<4sIIII", data[:20])
        assert (magic, version, length, kind) == (b"glTF", 2, len(data), 0x4E4F534A)
        self.json = json.loads(data[20 : 20 + size])
        rest, kind = struct.unpack("<II", data[20 + size : 28 + size])
        assert kind == 0x004E4942
        self._bin = data[28 + size :]
        assert len(self._bin) == rest == self.json["buffers"][0]["byteLength"]
        self._parent = {
            child: number
            for number, node in enumerate(self.json["nodes"])
            for child in node.get("children", [])
        }

    def values(self, accessor: int) -> Any:
        about = self.json["accessors"][accessor]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}[about["type"]]
        dtype = {5126: "<f4", 5121: "u1", 5125: "<u4"}[about["componentType"]]
        start = self.json["bufferViews"][about["bufferView"]]["byteOffset"]
        found = np.frombuffer(self._bin, dtype, about["count"] * width, start)
        values = found.reshape(about["count"], width)
        for name, of in (("min", np.min), ("max", np.max)):
            if name in about:
                np.testing.assert_array_equal(of(values, 0), np.array(about[name], "f4"))
        return values

    def keys(self, node: int, path: str) -> tuple[Any, Any]:
        """Return the times [N] in s and values [N,...] of a channel."""
        animation = self.json["animations"][0]
        for channel in animation["channels"]:
            if channel["target"] == {"node": node, "path": path}:
                sampler = animation["samplers"][channel["sampler"]]
                return self.values(sampler["input"])[:, 0], self.values(sampler["output"])
        raise AssertionError(f"node {node} has no {path}")

    def posed(self, body: int) -> tuple[Any, Any, Any]:
        """Return the times [N], joints [N,J,3] and vertices [N,V,3] of a body at its key frames."""
        skin = self.json["skins"][body]
        times, moved = self.keys(skin["joints"][0], "translation")
        world: dict[int, Any] = {}
        for node in skin["joints"]:
            local = np.tile(np.eye(4), (len(times), 1, 1))
            _, turns = self.keys(node, "rotation")
            np.testing.assert_allclose(np.linalg.norm(turns, axis=1), 1, atol=1e-6)
            assert len(turns) < 2 or (turns[1:] * turns[:-1]).sum(1).min() >= 0
            local[:, :3, :3] = Rotation.from_quat(turns).as_matrix()
            at = self.json["nodes"][node]["translation"]
            local[:, :3, 3] = moved if node == skin["joints"][0] else at
            above = self._parent.get(node)
            world[node] = local if above is None else world[above] @ local
        matrices = np.stack([world[node] for node in skin["joints"]], 1)
        inverse = self.values(skin["inverseBindMatrices"]).reshape(-1, 4, 4).swapaxes(1, 2)
        attributes = self.json["meshes"][body]["primitives"][0]["attributes"]
        rest = self.values(attributes["POSITION"]).astype(float)
        rest = np.concatenate([rest, np.ones((len(rest), 1))], 1)
        vertices = np.zeros((len(times), len(rest), 3))
        for part in range(len([name for name in attributes if name.startswith("JOINTS_")])):
            joints = self.values(attributes[f"JOINTS_{part}"])
            weights = self.values(attributes[f"WEIGHTS_{part}"])
            for joint, weight in zip(joints.T, weights.T, strict=True):
                moves = (matrices @ inverse)[:, joint]  # [N,V,4,4]
                moved_here = np.einsum("fvij,vj->fvi", moves, rest)[..., :3]
                vertices += weight[:, None] * moved_here
        return times, matrices[..., :3, 3], vertices
