"""Where the frames of a normalised clip lie, and how to restore them."""

from dataclasses import dataclass

from torch import Tensor

from ..checks import check_frames
from ..errors import InputError
from ..geometry.placement import Placement, Size, fit_images
from ..sequence import state_type
from ..words import counted
from .choices import SIZES


@state_type("Placement")
@dataclass(frozen=True)
class ClipPlacement:
    """How source frames became prepared ones.

    source:  height and width of the clip as it was
    target:  height and width as prepared
    fit:     one of `geometry.FITS`
    frame_count: number of source frames
    indices: [F] int64 on the CPU: the source frame of each prepared one, counted from the first of
             the clip; -1: neutral grey
    kept:    prepared frames that come from the clip; the rest fill up the length
    step:    lengths are step*n + offset
    fps:     frames per second of the source, 0 unknown
    rate:    frames per second as prepared
    preset:  one of `PRESETS`
    """

    source: Size
    target: Size
    fit: str
    frame_count: int
    indices: Tensor
    kept: int
    step: int
    fps: float
    rate: float
    offset: int = 1
    preset: str = "none"

    def __post_init__(self) -> None:
        if self.indices.ndim != 1 or not 0 <= self.kept <= len(self.indices):
            raise InputError(
                f"ClipPlacement: expected indices [F] of which 0 to F are kept, found "
                f"{list(self.indices.shape)} and {self.kept}"
            )

    @property
    def length(self) -> int:
        return len(self.indices)

    @property
    def where(self) -> Placement:
        """Where the source lies on the prepared canvas."""
        return Placement.fitted(self.source, self.target, self.fit)


def restore(
    images: Tensor,
    placement: ClipPlacement,
    *,
    size: str = "source",
    original: Tensor | None = None,
) -> Tensor:
    """Cut off what `normalise` added to a clip: borders, and frames that filled up the length.

    images:   [F,H,W,3] 0..1, generated from what was prepared: as many frames, of the same size
    size:     "source": scaled back, so that a pixel is as large as in the source; "prepared": not
              scaled
    original: [frames,h,w,3] 0..1, the clip as it was, for size "source" only: what a crop had cut
              away is filled in from it. Without it the result is the part that was not cut away

    Returns [kept,h,w,3] at the prepared rate, on the device of `images`. Raises `InputError` for
    frames of another size or number than was prepared.
    """
    if size not in SIZES:
        raise InputError(f"size: expected one of {', '.join(SIZES)}, found {size!r}")
    _check_generated(images, placement)
    where = placement.where
    top, left, bottom, right = where.visible
    inner = images[: placement.kept, top:bottom, left:right]
    if size == "prepared":
        if original is not None:
            raise InputError('original: is filled in with size "source" only; disconnect it')
        return inner.contiguous()
    if original is not None:
        _check_original(original, placement)
    top, left, bottom, right = where.seen
    scaled = fit_images(inner.float(), (bottom - top, right - left), "stretch", fill=0.0)
    scaled = scaled.clamp(0, 1)  # resizing may round past 1
    if original is None or not where.is_cropped:
        return scaled
    taken = placement.indices[: placement.kept].to(original.device)
    filled = original.index_select(0, taken).to(scaled)
    filled[:, top:bottom, left:right] = scaled
    return filled


def _check_generated(images: Tensor, placement: ClipPlacement) -> None:
    check_frames("image", images)
    frames, height, width = images.shape[:3]
    if (height, width) != placement.target:
        tall, wide = placement.target
        raise InputError(
            f"image: expected frames of {wide}x{tall}, as VACE Normalise prepared them, found "
            f"{width}x{height}; scale them back first"
        )
    if frames != placement.length:
        more = frames - placement.length
        cure = "connect the clip that was generated from this control"
        if more > 0 and more % placement.step == 0:
            cure = (
                "are frames of reference images still in it? Put TrimVideoLatent with "
                "WanVaceToVideo's trim_latent before the decoding"
            )
        raise InputError(
            f"image: expected {counted(placement.length, 'frame')}, as VACE Normalise prepared "
            "them, found "
            f"{frames}; {cure}"
        )


def _check_original(original: Tensor, placement: ClipPlacement) -> None:
    check_frames("original", original)
    found = tuple(original.shape[:3])
    if found != (placement.frame_count, *placement.source):
        tall, wide = placement.source
        raise InputError(
            f"original: expected the {counted(placement.frame_count, 'frame')} of {wide}x{tall} "
            "that went "
            f"into VACE Normalise, found {found[0]} of {found[2]}x{found[1]}"
        )
