"""Clips of bodies as files take them: chunk by chunk, and track by track."""

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ...errors import InputError
from ...geometry.rotations import are_rotations
from ..bodies import Bodies
from ..rig import Rig
from .formats.as_safetensors import safetensors_file

_SHAPE_VARIES = 0.05  # standard deviation of a coefficient, from which on its mean is remarked on


@dataclass(frozen=True)
class Track:
    """Who is in a clip, by track.

    track:       its id, -1 = the only body of each frame, without a track
    first, last: frames, counted from 0
    frames:      in how many of them it is
    shape:       [S] its mean
    """

    track: int
    first: int
    last: int
    frames: int
    shape: Tensor


@dataclass(frozen=True)
class Motion:
    """N poses of one track, on the CPU.

    frames: [N] int64, rising; rotation: [N,J,3,3]; translation: [N,3] m
    """

    frames: Tensor
    rotation: Tensor
    translation: Tensor

    def __len__(self) -> int:
        return len(self.frames)

    def at(self, which: Tensor) -> "Motion":
        """Return the poses of a mask or of indices."""
        return Motion(self.frames[which], self.rotation[which], self.translation[which])


@dataclass(frozen=True)
class Clip:
    """A clip of bodies of one rig, at `fps` frames per second.

    chunks: returns the successive chunks of the clip, from the first, each time it is called
    warn:   called with what a format cannot hold

    Raises `InputError` for a frame rate that is not above 0.
    """

    chunks: Callable[[], Iterator[Bodies]]
    rig: Rig
    fps: float
    warn: Callable[[str], object] = warnings.warn

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise InputError(f"fps: expected a frame rate above 0, found {self.fps}")

    @classmethod
    def of_file(
        cls, path: Path, rig: Rig, fps: float, warn: Callable[[str], object] = warnings.warn
    ) -> "Clip":
        """Return the clip in a file of what `as_chunk` returns, one after the other; no more than
        one chunk of it is in memory."""

        def chunks() -> Iterator[Bodies]:
            with path.open("rb") as file:
                yield from safetensors_file().chunks(file)

        return cls(chunks, rig, fps, warn)

    def checked(self) -> Iterator[tuple[int, Bodies]]:
        """Return every chunk on the CPU, with the number of its first frame in the clip.

        Raises `InputError` for another rig, values that are not finite and rotations that are none.
        """
        start = 0
        for chunk in self.chunks():
            if chunk.rig != self.rig.name or chunk.rotation.shape[2] != len(self.rig.joints):
                raise InputError(
                    f"bodies: expected the rig {self.rig.name} with {len(self.rig.joints)} joints, "
                    f"found {chunk.rig} with {chunk.rotation.shape[2]}"
                )
            here = chunk.to("cpu")
            finite = here.rotation.isfinite().all(-1).all(-1).all(-1)
            finite &= here.translation.isfinite().all(-1) & here.shape.isfinite().all(-1)
            turned = are_rotations(here.rotation).all(-1)
            for wrong, what in (
                (~finite, "finite numbers, found NaN or infinity"),
                (~turned, "rotations, found a matrix that is none"),
            ):
                at = (wrong & here.present).nonzero()
                if len(at):
                    frame, body = at[0].tolist()
                    raise InputError(f"bodies: frame {start + frame}, body {body}: expected {what}")
            yield start, here
            start += len(chunk)

    def tracks(self) -> list[Track]:
        """Return the tracks of the clip, by id.

        Raises `InputError` for a clip without anybody, and for a frame that has a track twice or
        several bodies without one.
        """
        found: dict[int, Track] = {}
        squares: dict[int, Tensor] = {}
        for start, chunk in self.checked():
            frame, place = chunk.present.nonzero(as_tuple=True)
            ids, group = chunk.track_ids[frame, place].unique(return_inverse=True)
            _check_once(start, frame, group, ids)
            count = torch.bincount(group, minlength=len(ids))
            shape = chunk.shape[frame, place].double()
            empty = shape.new_zeros(len(ids), shape.shape[1])
            sums = empty.index_add(0, group, shape)
            square = empty.index_add(0, group, shape**2)
            low = torch.full_like(ids, len(chunk)).scatter_reduce(0, group, frame, "amin")
            high = torch.zeros_like(ids).scatter_reduce(0, group, frame, "amax")
            for row, track in enumerate(ids.tolist()):
                before = found.get(track)
                found[track] = Track(
                    track,
                    start + int(low[row]) if before is None else before.first,
                    start + int(high[row]),
                    int(count[row]) + (0 if before is None else before.frames),
                    sums[row] + (0 if before is None else before.shape),  # their sum, till the end
                )
                squares[track] = square[row] + squares.get(track, 0)
        if not found:
            raise InputError(
                "bodies: nobody is in any frame; there is no motion to save. Check that the "
                "footage shows people, and that they were detected"
            )
        tracks = []
        for track in sorted(found):
            one = found[track]
            mean = one.shape / one.frames
            spread = (squares[track] / one.frames - mean**2).clamp(min=0).sqrt()
            if len(mean) and float(spread.max()) > _SHAPE_VARIES:
                self.warn(
                    f"track {track}: its shape changes over time (a coefficient by "
                    f"{float(spread.max()):.2f}); its mean is saved"
                )
            tracks.append(Track(track, one.first, one.last, one.frames, mean))
        return tracks

    def motion(self, track: Track, *, gaps: bool = False) -> Iterator[Motion]:
        """Return the poses of a track, chunk by chunk.

        gaps: give every frame from its first to its last; where it is missing its last pose is held
        """
        last: Motion | None = None
        for start, chunk in self.checked():
            if start > track.last:
                return
            rows = motion_of(chunk, start, track.track)
            if gaps:
                low = max(start, track.first)
                wanted = torch.arange(low, min(start + len(chunk) - 1, track.last) + 1)
                known = rows if last is None else _joined(last, rows)
                rows = known.at(torch.searchsorted(known.frames, wanted, right=True) - 1)
                rows = Motion(wanted, rows.rotation, rows.translation)
            if len(rows):
                last = rows.at(torch.tensor([len(rows) - 1]))
                yield rows


def as_chunk(bodies: Bodies) -> bytes:
    """Return a chunk of a clip for `Clip.of_file`."""
    return safetensors_file().as_chunk(bodies)


def motion_of(chunk: Bodies, start: int, track: int) -> Motion:
    """Return the poses of a track in a chunk on the CPU whose first frame is `start`."""
    frame, place = (chunk.present & (chunk.track_ids == track)).nonzero(as_tuple=True)
    return Motion(frame + start, chunk.rotation[frame, place], chunk.translation[frame, place])


def paths_of(path: Path, tracks: list[Track]) -> list[Path]:
    """Return a path for each track: `path` itself if there is one, else with the track's id, such
    as walk_00001_track3.bvh."""
    if len(tracks) == 1:
        return [path]
    names = ["no_track" if t.track < 0 else f"track{t.track}" for t in tracks]
    stem = path.stem.rstrip("_")  # ComfyUI's own names end in it
    return [path.with_name(f"{stem}_{name}{path.suffix}") for name in names]


def _joined(a: Motion, b: Motion) -> Motion:
    return Motion(
        torch.cat([a.frames, b.frames]),
        torch.cat([a.rotation, b.rotation]),
        torch.cat([a.translation, b.translation]),
    )


def _check_once(start: int, frame: Tensor, group: Tensor, ids: Tensor) -> None:
    both, times = torch.stack([frame, group], 1).unique(dim=0, return_counts=True)
    wrong = (times > 1).nonzero()
    if not len(wrong):
        return
    at, which = both[wrong[0, 0]].tolist()
    track = int(ids[which])
    if track >= 0:
        raise InputError(f"bodies: frame {start + at} has track {track} twice")
    raise InputError(
        f"bodies: frame {start + at} has {int(times[wrong[0, 0]])} bodies without a track, and "
        "nobody knows which belong together; track them first"
    )
