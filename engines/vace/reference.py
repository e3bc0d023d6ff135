"""Reference images: what a person or thing in the new clip looks like."""

from torch import Tensor

from ..checks import check_frames, check_masks, check_range
from ..errors import InputError
from ..geometry.frames import expand_frames
from ..geometry.placement import Size, fit_images

WHITE = 1.0


def fit_if_any(images: Tensor | None, target: Size, masks: Tensor | None) -> Tensor | None:
    """Return what `fit_references` makes of `images`, or None if there are none.

    Raises `InputError` for masks without images.
    """
    if images is not None:
        return fit_references(images, target, masks)
    if masks is not None:
        raise InputError(
            "reference_masks: there are no reference images that these could belong to; connect "
            "reference_images, or disconnect the masks"
        )
    return None


def fit_references(images: Tensor, target: Size, masks: Tensor | None = None) -> Tensor:
    """Centre whole pictures on a white canvas of the clip's size, as VACE was trained.

    images: [R,H,W,3] 0..1, or [R,H,W,4]: what is transparent becomes white
    target: height and width of the clip
    masks:  [R,h,w] or [1,h,w] 0..1, 1 = background that becomes white, which is how Load Image
            gives the transparent part of a file; stretched onto the pictures. None: all is kept

    Returns [R,height,width,3], on the device of `images`. Antialiased, which VACE's own
    letterbox (`prepare_source` of ali-vilab/VACE, models/wan/wan_vace.py) is not. Raises
    `InputError` for unusable images or masks.
    """
    if images.ndim == 4 and images.shape[-1] == 4:
        check_range("reference_images", images)
        images, opaque = images[..., :3], images[..., 3:]
        images = images.float() * opaque + WHITE * (1 - opaque)
    check_frames("reference_images", images)
    count, height, width = images.shape[:3]
    images = images.float()
    if masks is not None:
        check_masks("reference_masks", masks)
        if masks.shape[0] not in (1, count):
            raise InputError(
                f"reference_masks: expected 1 mask or {count} (one for each reference image), "
                f"found {masks.shape[0]}"
            )
        masks = fit_images(masks[..., None].to(images), (height, width), "stretch", fill=0.0)
        images = images.lerp(images.new_tensor(WHITE), expand_frames(masks, count))
    return fit_images(images, target, "letterbox", fill=WHITE).clamp(0, 1)
