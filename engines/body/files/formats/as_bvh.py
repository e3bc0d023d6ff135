"""Biovision's BVH, for Blender and other programs: one person per file, without the surface.

Lengths are in metres, y is up. The first joint has the channels X, Y, Z position and Z, X, Y
rotation, the others rotations only; every frame from the track's first to its last is there, with
the last pose held where the track is missing. Joints have the names of the rig.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .format import BodyFormat

if TYPE_CHECKING:
    from torch import Tensor

    from ...rig import Rig
    from ..clip import Clip, Track

_TURNS = "Zrotation Xrotation Yrotation"


def _write(clip: Clip, path: Path) -> tuple[Path, ...]:
    from ....files import atomic_write
    from ..clip import paths_of

    tracks = clip.tracks()
    paths = paths_of(path, tracks)
    for track, place in zip(tracks, paths, strict=True):
        with atomic_write(place) as aside, aside.open("w", encoding="ascii", newline="\n") as file:
            file.writelines(_hierarchy(clip.rig, track))
            file.write("MOTION\n")
            file.write(f"Frames: {track.last - track.first + 1}\nFrame Time: {1 / clip.fps:.9f}\n")
            file.writelines(_frames(clip, track))
    return tuple(paths)


def _hierarchy(rig: Rig, track: Track) -> Iterator[str]:
    """Return the lines of the skeleton at rest."""
    from ..rest import rest_of

    rest, tails = rest_of(rig, track.shape)
    offsets = rest - rest[rig.parents.clamp(min=0)]  # of the first joint: 0, its position says all
    children, ends = _children(rig), tails - rest

    def lines(joint: int, tab: str) -> Iterator[str]:
        yield f"{tab}{'JOINT' if joint else 'ROOT'} {rig.joints[joint]}\n{tab}{{\n"
        yield f"{tab}\tOFFSET {_numbers(offsets[joint])}\n"
        where = "3 " if joint else "6 Xposition Yposition Zposition "
        yield f"{tab}\tCHANNELS {where}{_TURNS}\n"
        if not children[joint]:
            yield f"{tab}\tEnd Site\n{tab}\t{{\n"
            yield f"{tab}\t\tOFFSET {_numbers(ends[joint])}\n{tab}\t}}\n"
        for child in children[joint]:
            yield from lines(child, f"{tab}\t")
        yield f"{tab}}}\n"

    yield "HIERARCHY\n"
    yield from lines(0, "")


def _children(rig: Rig) -> list[list[int]]:
    parents = rig.parents.tolist()
    return [
        [j for j, parent in enumerate(parents) if parent == joint] for joint in range(len(parents))
    ]


def _order(rig: Rig) -> list[int]:
    """Return the joints in the order in which the file has them."""
    children = _children(rig)

    def below(joint: int) -> Iterator[int]:
        yield joint
        for child in children[joint]:
            yield from below(child)

    return list(below(0))


def _frames(clip: Clip, track: Track) -> Iterator[str]:
    import torch

    from ....geometry.euler import as_zxy, without_jumps

    order = _order(clip.rig)
    line = " ".join(["%.6f"] * (3 + 3 * len(order))) + "\n"
    last = None
    for motion in clip.motion(track, gaps=True):
        angles = without_jumps(as_zxy(motion.rotation[:, order].double()).rad2deg(), last)
        last = angles[-1]
        rows = torch.cat([motion.translation.double(), angles.flatten(1)], 1)
        for row in rows.tolist():
            yield line % tuple(row)


def _numbers(values: Tensor) -> str:
    return " ".join(f"{value + 0.0:.6f}" for value in values.tolist())


FORMAT = BodyFormat("bvh", ".bvh", _write, None, order=10)
