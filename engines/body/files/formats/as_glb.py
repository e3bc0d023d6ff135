"""Binary glTF 2.0: every person's surface, its skeleton and its motion, in one scene.

Axes are those of the camera, in metres: x to the right, y up, and the camera itself looks along -z
from the origin, if it is one for all frames. A key frame is where a track is in the clip. What
poses add to the surface of SMPL beside its skeleton is not in the file, as glTF has no form for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .format import BodyFormat

if TYPE_CHECKING:
    from torch import Tensor

    from ....geometry.camera import Camera
    from ...rig import Rig
    from ..clip import Clip, Motion, Track
    from ..glb import Binary

_GREY = [0.62, 0.62, 0.62, 1.0]  # linear


@dataclass
class _Keys:
    """Where the key frames of a track lie in the file, and how many are written."""

    track: Track
    times: int
    translation: int
    rotations: list[int]
    written: int = 0
    last: Tensor | None = None  # [J,4], the last quaternions


def _write(clip: Clip, path: Path) -> tuple[Path, ...]:
    from ....files import atomic_write
    from ..clip import motion_of
    from ..glb import Binary

    tracks = clip.tracks()
    binary = Binary()
    document, keys = _document(clip, tracks, binary)
    with atomic_write(path) as aside, aside.open("wb") as file:
        start = binary.open(document, file, path)
        for first, chunk in clip.checked():
            for one in keys:
                motion = motion_of(chunk, first, one.track.track)
                if len(motion):
                    _add(motion, one, clip.fps, binary, file, start)
    return (path,)


def _document(
    clip: Clip, tracks: list[Track], binary: Binary
) -> tuple[dict[str, Any], list[_Keys]]:
    from ....environment import versions

    rig = clip.rig
    joints = len(rig.joints)
    shared = _shared(rig, binary)
    nodes: list[dict[str, Any]] = []
    meshes, skins, roots, keys = [], [], [], []
    channels: list[dict[str, Any]] = []
    samplers: list[dict[str, Any]] = []
    for number, track in enumerate(tracks):
        name = "body" if track.track < 0 else f"body {track.track}"
        base = len(nodes)
        skeleton, matrices = _skeleton(rig, track, base, name)
        nodes += [*skeleton, {"name": name, "mesh": number, "skin": number}]
        roots += [base, base + joints]
        meshes.append(_mesh(rig, track, shared, binary, name))
        inverse = binary.add(matrices, "float32")
        skins.append({"joints": list(range(base, base + joints)), "inverseBindMatrices": inverse})
        count = track.frames
        times = binary.reserve(count, (), "float32")
        bounds = ([track.first / clip.fps], [track.last / clip.fps])
        binary.accessors[times]["min"], binary.accessors[times]["max"] = map(_as_single, bounds)
        moved = binary.reserve(count, (3,), "float32")
        turns = [binary.reserve(count, (4,), "float32") for _ in range(joints)]
        keys.append(_Keys(track, times, moved, turns))
        for node, what, values in (
            (base, "translation", moved),
            *((base + j, "rotation", turns[j]) for j in range(joints)),
        ):
            channels.append({"sampler": len(samplers), "target": {"node": node, "path": what}})
            samplers.append({"input": times, "output": values, "interpolation": "LINEAR"})
    document = {
        "asset": {"version": "2.0", "generator": f"Kinograph {versions()['kinograph']}"},
        "scene": 0,
        "scenes": [{"nodes": roots}],
        "nodes": nodes,
        "meshes": meshes,
        "skins": skins,
        "materials": [
            {
                "name": "grey",
                "pbrMetallicRoughness": {
                    "baseColorFactor": _GREY,
                    "metallicFactor": 0.0,
                    "roughnessFactor": 0.7,
                },
            }
        ],
        "animations": [{"name": "motion", "channels": channels, "samplers": samplers}],
    }
    if camera := _camera(clip):
        document["cameras"] = [camera]
        nodes.append({"name": "camera", "camera": 0})
        roots.append(len(nodes) - 1)
    return document, keys


def _shared(rig: Rig, binary: Binary) -> dict[str, int]:
    """Add what the meshes of all tracks share, and return its accessors by their names."""
    import torch

    count = rig.skin_index.shape[1]
    more = -count % 4
    index = torch.nn.functional.pad(rig.skin_index, (0, more))
    weight = torch.nn.functional.pad(rig.skin_weight.double(), (0, more))
    weight = weight / weight.sum(1, keepdim=True)
    index = torch.where(weight > 0, index, 0)  # as a joint without a weight must be
    made = {"indices": binary.add(rig.triangles.flatten(), "uint32", target="indices")}
    for start in range(0, count + more, 4):
        four = slice(start, start + 4)
        made[f"JOINTS_{start // 4}"] = binary.add(index[:, four], "uint8", target="vertices")
        made[f"WEIGHTS_{start // 4}"] = binary.add(weight[:, four], "float32", target="vertices")
    return made


def _mesh(
    rig: Rig, track: Track, shared: dict[str, int], binary: Binary, name: str
) -> dict[str, Any]:
    from ....geometry.normals import Incidence
    from ...kinematics import shaped

    vertices = shaped(
        rig.template.float(), rig.shape_template.float(), track.shape[None].float(), 1
    )
    normals = Incidence.of(rig.triangles, vertices.shape[1]).normals(vertices)[0]
    attributes = {
        "POSITION": binary.add(vertices[0], "float32", target="vertices", bounds=True),
        "NORMAL": binary.add(normals, "float32", target="vertices"),
        **{key: value for key, value in shared.items() if key != "indices"},
    }
    primitive = {"attributes": attributes, "indices": shared["indices"], "material": 0}
    return {"name": name, "primitives": [primitive]}


def _skeleton(rig: Rig, track: Track, base: int, name: str) -> tuple[list[dict[str, Any]], Tensor]:
    """Return a node for each joint, and the matrices [J,4,4], column by column, that lead from the
    mesh at rest to the joints."""
    import torch

    from ..rest import rest_of

    rest, _ = rest_of(rig, track.shape)
    offset = rest - rest[rig.parents.clamp(min=0)]
    offset[0] = rest[0]
    nodes: list[dict[str, Any]] = [
        {"name": f"{name} {joint}", "translation": place}
        for joint, place in zip(rig.joints, offset.tolist(), strict=True)
    ]
    for joint, parent in enumerate(rig.parents.tolist()):
        if parent >= 0:
            nodes[parent].setdefault("children", []).append(base + joint)
    matrices = torch.eye(4, dtype=rest.dtype).repeat(len(rest), 1, 1)
    matrices[:, 3, :3] = -rest
    return nodes, matrices


def _add(
    motion: Motion, keys: _Keys, fps: float, binary: Binary, file: BinaryIO, start: int
) -> None:
    """Write the key frames of a part of a track."""
    import torch

    from ....geometry.rotations import to_quaternions

    turns = to_quaternions(motion.rotation.double())  # [n,J,4], w first
    last = turns[:1] if keys.last is None else keys.last[None]
    # The short way from each to the next: programs differ in what they do about the other.
    near = (turns * torch.cat([last, turns[:-1]])).sum(-1)
    turns = turns * torch.where(near < 0, -1.0, 1.0).cumprod(0)[..., None]
    keys.last = turns[-1]
    xyzw = turns.roll(-1, -1).float().transpose(0, 1).contiguous()  # [J,n,4]
    parts = [
        (keys.times, (motion.frames.double() / fps).float()),
        (keys.translation, motion.translation.float().contiguous()),
        *zip(keys.rotations, xyzw, strict=True),
    ]
    for number, values in parts:
        width = values[0].numel() * 4
        file.seek(start + binary.start(number) + keys.written * width)
        file.write(values.numpy().tobytes())
    keys.written += len(motion)


def _camera(clip: Clip) -> dict[str, Any] | None:
    """Return the camera, unless it changes from frame to frame."""
    found: Camera | None = None
    for camera in _cameras(clip):
        if found is None:
            found = camera
        elif [v.tolist() for v in _lens(camera)] != [v.tolist() for v in _lens(found)]:
            return None
    if found is None or found.frame_count != 1:
        return None
    height, width = found.size
    fx, fy = float(found.fx), float(found.fy)
    perspective = {
        "yfov": 2 * math.atan(height / 2 / fy),
        "aspectRatio": width / height * fy / fx,
        "znear": found.near,
    }
    return {"name": "camera", "type": "perspective", "perspective": perspective}


def _cameras(clip: Clip) -> Iterator[Camera]:
    return (chunk.camera for chunk in clip.chunks())


def _lens(camera: Camera) -> tuple[Tensor, ...]:
    return camera.fx, camera.fy, camera.cx, camera.cy


def _as_single(values: list[float]) -> list[float]:
    """Return numbers as float32 has them, as bounds have to be exact."""
    import numpy as np

    return [float(np.float32(value)) for value in values]


FORMAT = BodyFormat("glb", ".glb", _write, None, order=20)
