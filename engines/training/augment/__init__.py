"""Pictures and their objects changed by chance, in batches on the device of the pictures."""

from dataclasses import dataclass

from torch import Tensor

from ...datasets.object_truth import ObjectKinds
from ...detect.rtdetr_pose.targets import Targets
from ...errors import InputError
from .choices import Choices
from .colour import recoloured
from .mosaic import mosaics
from .views import seen_anew

__all__ = ["Augment", "Choices"]


@dataclass(frozen=True)
class Augment:
    """What is changed, for the classes and keypoints of one data set.

    most: objects that a picture may have afterwards

    Raises `InputError` for mirrored pictures of keypoints whose counterparts are not known.
    """

    choices: Choices
    kinds: ObjectKinds
    most: int

    def __post_init__(self) -> None:
        if self.choices.flip and self.kinds.keypoints and not self.kinds.flip:
            raise InputError(
                "flip: expected keypoints that the picture's mirror image has too, named with left "
                "and right or paired by flip_idx in dataset.json, found "
                f"{', '.join(self.kinds.keypoints[:4])} ...; train without it"
            )

    def __call__(self, images: Tensor, targets: Targets) -> tuple[Tensor, Targets]:
        """Return images [B,3,H,W] 0..1 and their objects, changed.

        What is no longer known, such as the rotation of a mirrored object without a plane of
        symmetry, is NaN afterwards. Random numbers are torch's, those of the CPU but for noise.
        """
        images, targets = mosaics(images, targets, self.choices, self.most)
        images, targets = seen_anew(images, targets, self.choices, self.kinds)
        return recoloured(images, self.choices), targets
