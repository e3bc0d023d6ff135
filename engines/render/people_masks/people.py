"""Who is in each frame, by tracks, from any of joints, heads and bodies."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ...body.bodies import Bodies
from ...errors import InputError
from ...head.heads import Heads
from ...pose.poses import Poses
from ...tracking.given import tracks_given
from ...words import counted

Found = Poses | Heads | Bodies
NODE = "Masks of People"


@dataclass(frozen=True)
class People:
    """N people, each in one frame, ordered by frame and track.

    frame: [N] int64
    track: [N] int64
    found: by input, the number [n] of each of those that are present there, frame by frame
    """

    frame: Tensor
    track: Tensor
    found: Mapping[str, Tensor]


def check_found(found: Mapping[str, Found]) -> None:
    """Raise `InputError` unless there is something, all of it of the same frames, and of people."""
    if not found:
        raise InputError(
            f"{NODE}: expected poses, heads or bodies, found none of them; connect at least one"
        )
    (first, one), *others = found.items()
    for name, other in others:
        if (len(other), other.canvas) != (len(one), one.canvas):
            raise InputError(
                f"{name}: expected those of the same frames as {first}, {_frames(one)}, found "
                f"{_frames(other)}; detect both in the same frames"
            )
    poses = found.get("poses")
    if isinstance(poses, Poses):
        poses.need_people("poses")


def tracked(
    found: Mapping[str, Found], before: Mapping[str, bool | None], *, alone: bool
) -> dict[str, bool | None]:
    """Return by input whether there are tracks; None: nobody so far.

    before: what this returned for the frames before
    alone:  whether this is a single frame, in which people need no tracks

    Raises `InputError` where they are missing: for several people in several frames, in some of
    the inputs only, or for some people only; and for a track that is in a frame twice.
    """
    given = {name: tracks_given(each, before.get(name), name, NODE) for name, each in found.items()}
    known = {name: has for name, has in given.items() if has is not None}
    if len(set(known.values())) > 1:
        without = next(name for name, has in known.items() if not has)
        other = next(name for name, has in known.items() if has)
        raise InputError(
            f"{without}: have no tracks, so it is not known who of the {other} they are; "
            + _tracking(without)
        )
    for name, has in known.items():
        each = found[name]
        several = int(each.count.max()) > 1 if len(each) else False
        if not has and several and (not alone or len(known) > 1):
            raise InputError(
                f"{name}: expected people with tracks where there are several; {_tracking(name)}"
            )
    return given


def people_in(found: Mapping[str, Found]) -> People:
    """Return the people of all inputs, those of the same track as one.

    Without tracks, people are told apart by their places. Raises `InputError` for a track that is
    in a frame twice.
    """
    frames, tracks = [], []
    for name, each in found.items():
        frame, place = each.present.nonzero(as_tuple=True)
        track = each.track_ids[frame, place]
        track = torch.where(track < 0, place, track)
        pairs, times = torch.stack([frame, track], 1).unique(dim=0, return_counts=True)
        if bool((times > 1).any()):
            where, which = pairs[times > 1][0].tolist()
            raise InputError(f"{name}: frame {where} has track {which} twice; {_tracking(name)}")
        frames.append(frame)
        tracks.append(track)
    pairs = torch.stack([torch.cat(frames), torch.cat(tracks)], 1)
    people, number = pairs.unique(dim=0, return_inverse=True)
    numbers = number.split([len(frame) for frame in frames])
    return People(people[:, 0], people[:, 1], dict(zip(found, numbers, strict=True)))


def _tracking(name: str) -> str:
    """Return what gives tracks to those of an input, an imperative clause."""
    if name == "poses":
        return f"put Track Poses before {NODE}"
    detect = {"heads": "Detect Heads", "bodies": "Detect Bodies"}[name]
    return (
        f"connect the poses of Track Poses to {detect}, or put Track {name.title()} before {NODE}"
    )


def _frames(found: Found) -> str:
    return f"{counted(len(found), 'frame')} of {found.canvas[1]}x{found.canvas[0]}"
