"""Report what was done to a clip, and warn about what is probably a mistake."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry.placement import Size
from ..video.cuts import Cuts
from ..words import counted, enumerated
from .normalise import Normalised
from .outside import GREY, Outside
from .placement import ClipPlacement
from .presets import PRESETS, longest_length


def report(
    ready: Normalised,
    preset: str = "none",
    mask: Tensor | None = None,
    outside: Outside = GREY,
) -> str:
    """Return the lines that a node shows for a whole clip: the result, what was done, then
    warnings.

    mask:    that of the source, [F,h,w], if black in it means that VACE keeps it
    outside: what borders and further frames are
    """
    placement = ready.placement
    lines = [f"{counted(ready.length, 'frame')} of {_size(ready.size)} at {_rate(placement)}"]
    done = [*_sizing(placement, outside), *_timing(placement, preset, outside)]
    done += _references(ready)
    if done:
        lines.append("; ".join(done))
    lines += [f"Warning: {warning}" for warning in _warnings(placement, preset)]
    if lost := lost_keyframes(mask, placement):
        shown = ", ".join(map(str, lost[:6])) + (" ..." if len(lost) > 6 else "")
        lines.append(
            f"Warning: frame {shown} is kept by the mask, but not taken at this rate and length; "
            "put VACE Mask behind VACE Normalise, on its image and mask"
        )
    return "\n".join(lines)


def cuts_warning(cuts: Cuts, last: int) -> str:
    """Return the warning that a control runs over cuts of the clip; "" if it does not.

    last: number of the last frame of the clip that is used
    """
    frames = [frame for frame in cuts.frames if frame <= last]
    if not frames:
        return ""
    return (
        f"the clip has {counted(len(frames), 'cut')}, at frame{'s' if len(frames) > 1 else ''} "
        f"{enumerated(frames)}: VACE blends the shots; prepare each shot as a clip of its own"
    )


def lost_keyframes(mask: Tensor | None, placement: ClipPlacement) -> list[int]:
    """Return the source frames that the mask [F,h,w] keeps whole between generated ones, and that
    were not taken."""
    if mask is None or mask.shape[0] == 1:
        return []
    whole = F.pad(mask.flatten(1).amax(1).cpu() <= 0, (1, 1))
    alone = (whole[1:-1] & ~whole[:-2] & ~whole[2:]).nonzero()[:, 0]
    lost: list[int] = alone[~torch.isin(alone, placement.indices)].tolist()
    return lost


def _sizing(placement: ClipPlacement, outside: Outside) -> list[str]:
    """Describe what became of the picture."""
    done = []
    if placement.source != placement.target:
        done.append(f"from {_size(placement.source)}")
    seen, (height, width) = placement.where.seen, placement.source
    if cut := _margins(seen, (height, width)):
        done.append(f"cropped {cut}")
    if border := _margins(placement.where.visible, placement.target):
        done.append(f"{outside.border} borders of {border}")
    by_y, by_x = placement.target[0] / height, placement.target[1] / width
    if placement.fit == "stretch" and by_y != by_x:
        done.append(f"stretched {by_x:.3g} times in width, {by_y:.3g} times in height")
    return done


def _timing(placement: ClipPlacement, preset: str, outside: Outside) -> list[str]:
    """Describe what became of the frames."""
    done = []
    taken = placement.indices[: placement.kept].unique()
    again = placement.kept - len(taken)
    used = int(taken[-1]) + 1  # of the clip, up to the last that was taken
    if len(taken) < used or again:
        before = f"{placement.fps:.4g} fps" if placement.fps else "unknown rate"
        shown = f", {again} shown again" if again else ""
        done.append(f"{len(taken)} of {counted(used, 'frame')} at {before} taken{shown}")
    if preset != "none" and placement.fps and placement.rate < PRESETS[preset].fps:
        left = ", as VACE leaves it" if outside == GREY else "; target_fps shows frames again"
        done.append(f"slower than the {PRESETS[preset].fps:g} fps of {preset}{left}")
    if added := placement.length - placement.kept:
        kind = outside.filling if int(placement.indices[-1]) < 0 else "the last one again"
        done.append(f"{counted(added, 'frame')} added at the end ({kind})")
    if used < placement.frame_count and not _evenly(placement):
        done.append(f"{counted(placement.frame_count - used, 'frame')} cut off at the end")
    return done


def _evenly(placement: ClipPlacement) -> bool:
    """Return whether what follows the last frame taken is less than the rate leaves out between
    two."""
    steps = placement.indices[: placement.kept].diff()
    widest = int(steps.max()) if len(steps) else 1
    return placement.frame_count - int(placement.indices[placement.kept - 1]) <= widest


def _references(ready: Normalised) -> list[str]:
    if ready.references is None:
        return []
    count = ready.references.shape[0]
    if count == 1:
        return ["1 reference image on white"]
    return [f"{count} reference images on white, of which WanVaceToVideo uses the first alone"]


def _warnings(placement: ClipPlacement, preset: str) -> list[str]:
    warnings = []
    model = PRESETS[preset]
    longest = longest_length(placement.target, model)
    if longest is not None and placement.length > longest:
        warnings.append(
            f"{preset} was trained with up to {counted(longest, 'frame')} of "
            f"{_size(placement.target)}, these are {placement.length}"
        )
    area = placement.target[0] * placement.target[1]
    if model.area is not None and area > model.area:
        warnings.append(
            f"{_size(placement.target)} is more than the {model.area} pixels per frame that "
            f"{preset} was trained with"
        )
    return warnings


def _margins(box: tuple[int, int, int, int], size: Size) -> str:
    """Describe how far a box is from the edges, such as "12 px left and right"; "" if it fills the
    size."""
    top, left, bottom, right = box
    sides = {
        "left": left,
        "right": size[1] - right,
        "above": top,
        "below": size[0] - bottom,
    }
    words = []
    for one, other in (("left", "right"), ("above", "below")):
        if sides[one] == sides[other]:
            words += [f"{sides[one]} px {one} and {other}"] if sides[one] else []
        else:
            words += [f"{sides[side]} px {side}" for side in (one, other) if sides[side]]
    return ", ".join(words)


def _rate(placement: ClipPlacement) -> str:
    known = "" if placement.fps else " (assumed: fps is not given)"
    return f"{placement.rate:.4g} fps{known}"


def _size(size: Size) -> str:
    return f"{size[1]}x{size[0]}"


def report_restored(restored: Tensor, placement: ClipPlacement, size: str, *, pasted: bool) -> str:
    """Return the lines that a node shows: what `restore` gave, and what cannot come back."""
    frames, height, width = restored.shape[:3]
    lines = [f"{counted(frames, 'frame')} of {_size((height, width))} at {_rate(placement)}"]
    if cut := _margins(placement.where.seen, placement.source):
        what = "filled in from the original" if pasted else "was cropped and cannot come back"
        cure = "" if pasted else "; connect original to fill it in"
        lines.append(f"{cut} of the source {what}{cure if size == 'source' else ''}")
    elif pasted:
        lines.append("original is not used: nothing of the source was cropped")
    return "\n".join(lines)
