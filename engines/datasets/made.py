"""What generators of pictures return."""

from dataclasses import dataclass

from torch import Tensor

from .object_truth import ObjectTruth


@dataclass(frozen=True)
class MadePictures:
    """F pictures and what is known of them.

    images: [F,H,W,3] 0..1
    masks:  [F,H,W] uint8, 1 + the object's number at each pixel, or 0
    truths: of each picture
    """

    images: Tensor
    masks: Tensor
    truths: tuple[ObjectTruth, ...]
