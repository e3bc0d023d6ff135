"""Crops of one person's face, one for every frame."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from ..detections.detections import Detections
from ..errors import InputError
from ..geometry.crops import crop
from ..sequence import state_type
from ..tracking.columns import Columns
from ..tracking.gaps import filled_throughout
from ..words import counted, enumerated
from .choices import CHOOSE
from .crop_boxes import FaceBoxes

SIDE = 512  # px of a crop, which is what Wan-Animate takes
_TOGETHER = 16  # frames whose channels are brought forward at once


@state_type()
@dataclass(frozen=True)
class OneFace:
    """One person's face in F frames.

    boxes:  [F,4] x0, y0, x1, y1 px, in every frame
    scores: [F] 0..1
    seen:   [F] bool; where it is not, box and score follow from the frames around
    canvas: height and width in px of the frames
    who:    whose face it is, in words
    """

    boxes: Tensor
    scores: Tensor
    seen: Tensor
    canvas: tuple[int, int]
    who: str

    def __len__(self) -> int:
        return len(self.boxes)

    def slice(self, start: int, stop: int) -> "OneFace":
        """Return the frames from `start` up to but not including `stop`, without copying."""
        part = slice(start, stop)
        return replace(self, boxes=self.boxes[part], scores=self.scores[part], seen=self.seen[part])

    @property
    def detections(self) -> Detections:
        """The box of every frame, as what detectors find."""
        one = torch.ones(len(self), dtype=torch.int64, device=self.boxes.device)
        return Detections(
            boxes=self.boxes[:, None],
            scores=self.scores[:, None],
            classes=torch.zeros_like(one)[:, None],
            count=one,
            canvas=self.canvas,
        )


def one_face(faces: FaceBoxes, name: str, choose: str, person: int) -> OneFace:
    """Return the face of one person in every frame.

    Between frames in which it is seen its box moves evenly; before the first and after the last
    the nearest one is held.

    name:   what the faces are called in messages: heads or poses
    choose: "track": `person` is the id of a track. "index": it is a place among all tracks, from
            0, in falling order of the frames in which the face is seen

    Raises `InputError` if no face is seen, for a person who is not there, and for several faces
    without tracks.
    """
    if choose not in CHOOSE:
        raise InputError(f"choose: expected one of {', '.join(CHOOSE)}, found {choose!r}")
    if not bool(faces.seen.any()):
        raise InputError(
            f"{name}: no face is seen in any of {counted(len(faces), 'frame')}, so there is "
            "nothing to crop; lower score_threshold where faces are detected, or check the "
            "footage"
        )
    ids = faces.track_ids
    alone = not bool((faces.seen & (ids >= 0)).any()) and int(faces.seen.sum(1).max()) == 1
    if alone:
        ids = torch.where(faces.seen, 0, -1)
    elif bool((faces.seen & (ids < 0)).any()):
        raise InputError(
            f"{name}: expected faces with tracks where there are several; put "
            f"Track {name.title()} before this node"
        )
    columns = Columns.of(faces.seen, ids, None, name)
    column = _column(columns, choose, person, alone)
    seen = columns.present[:, column]
    known = torch.cat([faces.boxes, faces.scores[..., None]], -1)
    rows = filled_throughout(columns.gather(known)[:, column], seen)
    who = "the only face" if alone else f"the face of track {int(columns.ids[column])}"
    return OneFace(rows[:, :4], rows[:, 4], seen, faces.canvas, who)


def face_crops(
    frames: Tensor, boxes: Tensor, *, progress: Callable[[int], None] | None = None
) -> Tensor:
    """Return what boxes [F,4] px hold of frames [F,H,W,3] 0..1, stretched to [F,512,512,3].

    progress: called with the number of frames done since the last call

    The crops are on the device of the frames.
    """
    boxes = boxes.to(frames.device, torch.float32)
    crops = torch.empty(len(frames), SIDE, SIDE, 3, device=frames.device)
    parts = (frames.split(_TOGETHER), boxes.split(_TOGETHER), crops.split(_TOGETHER))
    for some, here, into in zip(*parts, strict=True):
        number = torch.arange(len(some), device=frames.device)
        into.copy_(crop(some.float(), number, here, (SIDE, SIDE)).movedim(1, -1).clamp(0, 1))
        if progress is not None:
            progress(len(some))
    return crops


def box_masks(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return masks [F,H,W] that are 1 at the pixels whose middle lies in boxes [F,4], of `size`
    (height, width)."""
    x0, y0, x1, y1 = (side[:, None] for side in boxes.unbind(-1))
    height, width = size
    x, y = (torch.arange(side, device=boxes.device) + 0.5 for side in (width, height))
    across, down = (x >= x0) & (x < x1), (y >= y0) & (y < y1)
    return (down[:, :, None] & across[:, None]).float()


def gaps_in_words(face: OneFace) -> list[str]:
    """Return in which frames the face is not seen, and what its box is there; [] if in none."""
    known = face.seen.nonzero()[:, 0].tolist()
    first, last = known[0], known[-1]
    lines = []
    if first > 0:
        before = _ranges([(0, first - 1)])
        lines.append(f"no face in {before}: the box of frame {first} is held")
    between = [(a + 1, b - 1) for a, b in pairwise(known) if b > a + 1]
    if between:
        lines.append(f"no face in {_ranges(between)}: the boxes between are interpolated")
    if last < len(face) - 1:
        after = _ranges([(last + 1, len(face) - 1)])
        lines.append(f"no face in {after}: the box of frame {last} is held")
    return lines


def _ranges(runs: list[tuple[int, int]]) -> str:
    single = len(runs) == 1 and runs[0][0] == runs[0][1]
    names = [str(a) if a == b else f"{a}-{b}" for a, b in runs]
    return f"frame{'' if single else 's'} {enumerated(names)}"


def _column(columns: Columns, choose: str, person: int, alone: bool) -> int:
    """Return the column of the person who was asked for."""
    ids = columns.ids.tolist()
    if choose == "index":
        if not 0 <= person < len(ids):
            wanted = "0" if len(ids) == 1 else f"an index from 0 to {len(ids) - 1}"
            raise InputError(
                f"person: expected {wanted}, found {person}; "
                f"{counted(len(ids), 'person shows a face', 'people show faces')}"
            )
        often = columns.present.sum(0).argsort(descending=True, stable=True)
        return int(often[person])
    if alone:
        raise InputError(
            f"person: there are no tracks, so there is no track {person}; choose by index"
        )
    if person not in ids:
        raise InputError(
            f"person: no face of track {person} is seen; expected one of the tracks "
            f"{enumerated(ids)}"
        )
    return ids.index(person)
