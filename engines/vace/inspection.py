"""What is wrong with the input of a VACE model, in words: what it is, why it matters, the cure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from .masks import SPLIT
from .normalise import NEUTRAL, SIDE, STEP
from .preview import Seen, see

FPS = 16.0  # frames a second of the clips that Wan and VACE were trained with

_GREY = 4 / 255  # from neutral: what 8 bits and a video codec make of grey
_OUT = 1e-3  # beyond 0..1: rounding
_SOME = 0.005  # part of all pixels: less is nothing
_MOST = 0.9  # part of an area: more is nearly all of it
_FULL = 0.98  # part of a frame's pixels: a mask above it covers the frame
_SAMPLES = 2**15  # pixels of a frame that are looked at
_SHORT = 8  # frames that a detector may lose somebody for
_SOFT = 0.25  # part of all pixels with a mask between 0 and 1
_LIKE_FOOTAGE = 0.35  # part of pixels; drawn controls stay below, footage above
_RATIO = 0.02  # two shapes that differ by less are the same


def inspect(
    image: Tensor,
    mask: Tensor | None = None,
    *,
    width: int = 0,
    height: int = 0,
    length: int = 0,
    reference: Tensor | None = None,
    fps: float = 0.0,
    step: int = STEP,
    side: int = SIDE,
    rate: float = FPS,
) -> tuple[str, ...]:
    """Warnings about the input of WanVaceToVideo, one line each; none for input that is in order.

    image, mask, width, height, length, reference: as `preview.see`
    fps:        frames a second of the clip; 0 = unknown, not looked at
    step, side: length is a multiple of step and 1 more, width and height multiples of side
    rate:       frames a second that the model makes

    Some are guesses from a sample of pixels: a mask that looks inverted, a control that looks like
    footage, a detector that lost somebody. Raises `InputError` for what is no IMAGE or MASK.
    """
    seen = see(image, mask, width=width, height=height, length=length, reference=reference)
    return warnings(
        seen, image, mask, reference=reference, fps=fps, step=step, side=side, rate=rate
    )


def warnings(
    seen: Seen,
    image: Tensor,
    mask: Tensor | None,
    *,
    reference: Tensor | None = None,
    fps: float = 0.0,
    step: int = STEP,
    side: int = SIDE,
    rate: float = FPS,
) -> tuple[str, ...]:
    """As `inspect`, of what is seen already."""
    areas = None if mask is None else areas_of(*coverage(seen.mask))
    frames, height, width = seen.mask.shape
    return found_in(
        (frames, height, width),
        image,
        mask,
        limits=(image, mask),
        areas=areas,
        counts=tally(seen),
        reference=reference,
        fps=fps,
        step=step,
        side=side,
        rate=rate,
    )


def found_in(
    shape: tuple[int, int, int],
    image: Tensor,
    mask: Tensor | None,
    *,
    limits: tuple[Tensor, Tensor | None],
    areas: "Areas | None",
    counts: Sequence[int],
    reference: Tensor | None,
    fps: float,
    step: int,
    side: int,
    rate: float,
) -> tuple[str, ...]:
    """`warnings` from what was counted.

    shape:       frames, height and width that the model is given
    image, mask: whose shapes are looked at, nothing else
    limits:      of both their lowest and highest values, among others or alone
    areas:       see `areas_of`; None without a mask
    counts:      see `tally`
    """
    frames, height, width = shape
    found = [
        *_length(frames, step),
        *_counts(frames, image, mask),
        *_sides(height, width, side),
        *_shapes((height, width), image, mask, reference),
        *_values("image", limits[0]),
        *(_values("mask", limits[1]) if limits[1] is not None else ()),
        *_rate(fps, rate),
    ]
    if areas is not None:
        found += _flicker(*areas)
    found += _content(_Content.of(counts), has_reference=reference is not None)
    return tuple(found)


def report(seen: Seen, found: tuple[str, ...], *, fps: float = 0.0, rate: float = FPS) -> str:
    """What the model, which makes `rate` frames a second, is given, and the warnings, a line
    each."""
    frames, height, width = seen.mask.shape
    generated = float((seen.mask > SPLIT).float().mean())
    has = seen.reference is not None
    return in_lines((frames, height, width), generated, found, reference=has, fps=fps, rate=rate)


def in_lines(
    shape: tuple[int, int, int],
    generated: float,
    found: tuple[str, ...],
    *,
    reference: bool,
    fps: float,
    rate: float,
) -> str:
    """`report` from numbers; generated: part of the pixels."""
    frames, height, width = shape
    speed = f"at {fps:g} a second" if fps else f"(a second: unknown, the model makes {rate:g})"
    head = f"{width}x{height}, {frames} frames {speed}, {generated:.0%} generated"
    if reference:
        head += ", 1 reference"
    if not found:
        return f"{head}\nno warnings"
    many = "1 warning" if len(found) == 1 else f"{len(found)} warnings"
    return "\n".join([head, f"{many}:", *(f"- {line}" for line in found)])


def _length(frames: int, step: int) -> Iterator[str]:
    if frames % step != 1 % step:
        below = (frames - 1) // step * step + 1
        yield (
            f"length: {frames} frames are not {step}n+1; the model makes {below} of them and drops "
            f"the rest. Set {below} or {below + step}, e.g. with VACE Normalise."
        )


def _counts(frames: int, image: Tensor, mask: Tensor | None) -> Iterator[str]:
    images = image.shape[0]
    if images > frames:
        yield (
            f"image: {images} frames for a length of {frames}; the last {images - frames} are not "
            "used. Set the length to that of the clip, or cut the clip on purpose."
        )
    elif images < frames:
        yield (
            f"image: {images} frames for a length of {frames}; the {frames - images} missing ones "
            "are grey and left to the model. Lower the length, or let VACE Normalise repeat the "
            "last frame."
        )
    if mask is None or mask.shape[0] == images:
        return
    masks = mask.shape[0]
    if masks == 1 and frames > 1:
        yield (
            f"mask: one mask for {frames} frames; it holds for the first only, all others are "
            "generated. Put VACE Mask or VACE Normalise before, which repeat it."
        )
    elif masks < frames:
        yield (
            f"mask: {masks} masks for {images} images; frames without a mask are generated. Give "
            "one mask for each image."
        )
    else:
        yield (
            f"mask: {masks} masks for {images} images; they may not belong to the same frames. "
            "Give one mask for each image."
        )


def _sides(height: int, width: int, side: int) -> Iterator[str]:
    for name, value in (("width", width), ("height", height)):
        if value % side:
            below = max(side, value // side * side)
            yield (
                f"{name}: {value} is not a multiple of {side}; the model cuts or refuses it. Set "
                f"{below} or {below + side}."
            )


def _shapes(
    size: tuple[int, int], image: Tensor, mask: Tensor | None, reference: Tensor | None
) -> Iterator[str]:
    source = (image.shape[1], image.shape[2])
    if source != size:
        lost = 1 - _left_over(source, size)
        cut = f" and loses {lost:.0%} of its edges" if lost > _RATIO else ""
        yield (
            f"image: {_by(source)} for {_by(size)}; it is resized without smoothing{cut}. Bring it "
            "to size with VACE Normalise."
        )
    if image.shape[-1] == 4:
        yield "image: 4 channels; the alpha channel is dropped. Remove it before."
    if mask is not None:
        own = (mask.shape[1], mask.shape[2])
        if 1 - _left_over(own, source) > _RATIO:
            yield (
                f"mask: {_by(own)} is another shape than the image's {_by(source)}; each is cut by "
                "itself and the mask lies beside what it was made for. Make it from these images."
            )
    if reference is None:
        return
    own = (reference.shape[1], reference.shape[2])
    lost = 1 - _left_over(own, size)
    if lost > _RATIO:
        yield (
            f"reference: {_by(own)} for {_by(size)}; it loses {lost:.0%} of its edges. Put it on "
            "white of that shape, as VACE's own code does."
        )
    if reference.shape[0] > 1:
        yield f"reference: {reference.shape[0]} images; only the first is used. Connect one."


def _values(name: str, values: Tensor) -> Iterator[str]:
    if not values.is_floating_point():
        yield (
            f"{name}: {values.dtype} instead of numbers in 0..1; values above 1 are far too "
            "bright. Divide by 255."
        )
        return
    low, high = torch.stack(values.aminmax()).tolist()  # aminmax propagates NaN
    if not (math.isfinite(low) and math.isfinite(high)):
        yield (
            f"{name}: holds NaN or infinity; the VAE spreads it over the whole clip. Look for the "
            "node before this one that divides by zero or ran out of fp16 range."
        )
    elif low < -_OUT or high > 1 + _OUT:
        cure = "Clamp them"
        if high > 2:
            cure = "Divide by 255"
        elif low < -0.1:
            cure = "Map -1..1 to 0..1 by x/2 + 0.5"
        yield (
            f"{name}: values of {low:.3g}..{high:.3g} lie outside 0..1, where the model knows "
            f"none. {cure}."
        )


def _rate(fps: float, model: float) -> Iterator[str]:
    if fps and abs(fps - model) > 1:
        way = "slower" if fps > model else "faster"
        yield (
            f"fps: {fps:g} frames a second, the model makes {model:g}; everything moves "
            f"{max(fps / model, model / fps):.2g} times {way}. Resample the clip to {model:g}."
        )


@dataclass(frozen=True)
class _Content:
    """Parts, 0..1, of the pixels: `generated` of all, the others of a sample.

    generated: with a mask above 0.5; soft: with a mask clearly between 0 and 1
    grey_kept, grey_generated, footage: of the kept, of the generated, of the generated
    """

    generated: float
    soft: float
    grey_kept: float
    grey_generated: float
    footage: float

    @classmethod
    def of(cls, tally: Sequence[int]) -> "_Content":
        """tally: see `tally`"""
        generated, pixels, sample, generate, soft, grey_kept, grey_generated, footage = tally
        return cls(
            generated=generated / pixels,
            soft=soft / sample,
            grey_kept=grey_kept / max(1, sample - generate),
            grey_generated=grey_generated / max(1, generate),
            footage=footage / max(1, generate),
        )


def tally(seen: Seen) -> list[int]:
    """Pixels that are generated, and all; then of a sample: all, generated, with a mask clearly
    between 0 and 1, grey and kept, grey and generated, like footage and generated. Of two parts of
    a clip they add up."""
    height, width = seen.mask.shape[1:]
    every = max(1, math.ceil(math.sqrt(height * width / _SAMPLES)))
    rows, columns = slice(None, None, every), slice(0, max(1, width - 1), every)
    mask = seen.mask[:, rows, columns]
    pixels = seen.control[:, rows, columns]
    beside = seen.control[:, rows, 1 if width > 1 else 0 :][:, :, columns]
    generate = mask > SPLIT
    grey = ((pixels - NEUTRAL).abs() <= _GREY).all(-1)
    footage = _like_footage(pixels, beside)
    counts = [
        generate.sum(),
        ((mask > 0.05) & (mask < 0.95)).sum(),
        (grey & ~generate).sum(),
        (grey & generate).sum(),
        (footage & generate).sum(),
    ]
    whole = [int((seen.mask > SPLIT).sum()), seen.mask.numel(), mask.numel()]
    return [*whole, *torch.stack(counts).tolist()]


def _like_footage(pixels: Tensor, beside: Tensor) -> Tensor:
    """Bool: coloured, neither dark nor as bright as the colours of drawings and of flow, and not
    quite the same as the pixel beside it."""
    low, high = pixels.aminmax(dim=-1)
    coloured = high - low > 0.03
    middling = (high > 0.08) & (high < 0.95)
    return coloured & middling & ((pixels - beside).abs().amax(-1) > 1 / 1024)


def _content(content: _Content, *, has_reference: bool) -> Iterator[str]:
    part = content.generated
    if part == 0:
        yield (
            "mask: nothing is generated, it is nowhere above 0.5; the clip comes back as it is. "
            "White means generate: choose what, or invert the mask."
        )
    elif part < 1 and _inverted(content):
        yield (
            "mask: it looks inverted; what it keeps is neutral grey, what it generates holds the "
            "picture. White means generate: invert the mask."
        )
    elif part <= 1 - _SOME and content.grey_kept > _MOST:
        yield (
            "mask: what it keeps is neutral grey, and the model will keep the grey. Let the mask "
            "be white there, or put the picture there."
        )
    if part == 1 and content.grey_generated > 1 - _SOME and not has_reference:
        yield (
            "image: all grey with a mask of ones; nothing guides the model but the prompt. Connect "
            "a control, or a reference."
        )
    if content.footage > _LIKE_FOOTAGE and not _inverted(content):
        if part > 1 - _SOME:
            yield (
                "image: looks like footage, and the mask keeps nothing of it; VACE takes it for a "
                "control such as depth or poses, a hint at most. Mask what is to be generated "
                "with VACE Mask, or turn it into a control."
            )
        else:
            yield (
                "image: what is to be generated still shows footage; VACE takes that for a control "
                "such as depth or poses. Paint it grey with VACE Mask, or put a control there."
            )
    if part and content.soft > _SOFT:
        yield (
            f"mask: {content.soft:.0%} of it is between 0 and 1; VACE was trained with masks of 0 "
            "and 1 and WanVaceToVideo does not split them. Use VACE Mask with binary."
        )


def _inverted(content: _Content) -> bool:
    enough = _SOME < content.generated < 1 - _SOME
    return enough and content.grey_kept > _MOST and content.grey_generated < 0.5


Areas = tuple[list[float], list[bool]]


def coverage(mask: Tensor) -> tuple[Tensor, Tensor]:
    """[F] the part of each frame of a mask that is generated, and [H,W] what is in every frame."""
    generate = mask > SPLIT
    return generate.flatten(1).float().mean(1), generate.all(0)


def areas_of(whole: Tensor, always: Tensor) -> Areas:
    """Of every frame: the part that is generated, without what is generated in all frames (borders,
    still boxes), and whether the frame is masked in part.

    whole, always: see `coverage`
    """
    moving = whole - always.float().mean()
    moving = torch.where(moving < 1e-6, torch.zeros_like(moving), moving)
    return moving.tolist(), ((moving > 0) & (whole < _FULL)).tolist()


def _flicker(areas: list[float], partial: list[bool]) -> Iterator[str]:
    lost = _lost(areas, partial)
    if lost and not _every_nth(areas):
        shown = ", ".join(map(str, lost[:6])) + (" ..." if len(lost) > 6 else "")
        yield (
            f"mask: a gap in frame {shown}; what is generated before and after it is not, and the "
            "footage shows through. If a detector lost somebody, use steady in VACE Mask or fill "
            "the gaps; a frame that is meant to be kept is in order."
        )
    both = pairwise(zip(areas, partial, strict=True))
    jumps = [
        after
        for after, ((a, here), (b, there)) in enumerate(both, 1)
        if here and there and min(a, b) < 0.5 * max(a, b) and abs(a - b) > _SOME
    ]
    if len(jumps) > 1:
        yield (
            f"mask: its area doubles or halves from one frame to the next {len(jumps)} times, "
            f"first at frame {jumps[0]}; edges will flicker. Use steady in VACE Mask, or smooth it."
        )


def _every_nth(areas: list[float]) -> bool:
    """Whether empty frames come evenly from the first on, as "every 16" keeps them."""
    last = len(areas) - 1  # may be kept besides
    starts = [
        f for f, area in enumerate(areas) if area == 0 and f < last and (f == 0 or areas[f - 1] > 0)
    ]
    gaps = {after - before for before, after in pairwise(starts)}
    return starts[:1] == [0] and len(gaps) == 1 and starts[-1] + gaps.pop() >= last


def _lost(areas: list[float], partial: list[bool]) -> list[int]:
    """Frames in short empty runs between frames that are masked in part."""
    lost: list[int] = []
    run: list[int] = []
    inside = False
    for frame, area in enumerate(areas):
        if area == 0:
            run.append(frame)
            continue
        if inside and partial[frame] and len(run) <= _SHORT:
            lost += run
        inside, run = partial[frame], []
    return lost


def _left_over(source: tuple[int, int], target: tuple[int, int]) -> float:
    """The part of `source` that is left when it is cut to the shape of `target`."""
    shape, wanted = source[1] / source[0], target[1] / target[0]
    return min(shape, wanted) / max(shape, wanted)


def _by(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"
