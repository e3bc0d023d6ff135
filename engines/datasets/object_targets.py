"""From what is known of images to what a network is to say about them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..detect.projection import projected
from ..detect.rtdetr_pose.targets import Targets
from ..detect.symmetry import Symmetries
from ..errors import InputError
from ..geometry.placement import Size
from .object_truth import ObjectKinds, ObjectTruth


def symmetries_of(kinds: ObjectKinds) -> Symmetries:
    """Return the symmetries of a data set's classes."""
    return Symmetries.of(kinds.rotations, kinds.axes)


def targets_of(truths: Sequence[ObjectTruth], size: Size) -> Targets:
    """Return the objects of images that are resized to `size` (height, width), on the CPU.

    Intrinsics and offsets are scaled with the images. Offsets that are not given follow from the
    translation, where the intrinsics are known. Raises `InputError` for no images and for images
    that differ in keypoints.
    """
    if not truths:
        raise InputError("targets: expected at least one image, found none")
    keypoints = {truth.keypoints.shape[1] for truth in truths}
    if len(keypoints) > 1:
        raise InputError(
            f"{truths[0].name}: expected as many keypoints as in other images, found "
            f"{' and '.join(map(str, sorted(keypoints)))}"
        )
    most = max(1, max(len(truth) for truth in truths))
    scales = [torch.tensor([size[1] / t.size[1], size[0] / t.size[0]]) for t in truths]
    unknown = torch.full((4,), torch.nan)

    def padded(rows: list[Tensor | None], *shape: int) -> Tensor:
        """Return [B,M,*shape], NaN where nothing is known."""
        table = torch.full((len(truths), most, *shape), torch.nan)
        for number, row in enumerate(rows):
            if row is not None:
                table[number, : len(row)] = row
        return table

    counts = torch.tensor([len(truth) for truth in truths])
    return Targets(
        names=tuple(truth.name for truth in truths),
        present=torch.arange(most) < counts[:, None],
        classes=padded([t.classes.float() for t in truths]).nan_to_num(0).long(),
        boxes=padded([t.boxes for t in truths], 4),
        rotation=padded([t.rotation for t in truths], 3, 3),
        z=padded([t.z for t in truths]),
        offsets=padded([_offsets(t, scale) for t, scale in zip(truths, scales, strict=True)], 2),
        keypoints=padded([t.keypoints for t in truths], keypoints.pop(), 3).nan_to_num(0),
        intrinsics=torch.stack(
            [
                unknown if t.intrinsics is None else t.intrinsics * scale.repeat(2)
                for t, scale in zip(truths, scales, strict=True)
            ]
        ),
    )


def _offsets(truth: ObjectTruth, scale: Tensor) -> Tensor | None:
    """Return [N,2] px of the network's input from the boxes' centres to the origins."""
    if truth.offsets is not None:
        return truth.offsets * scale
    if truth.translation is None or truth.intrinsics is None:
        return None
    sides = torch.tensor([float(truth.size[1]), float(truth.size[0])])
    seen = projected(truth.translation, truth.intrinsics)
    return (seen - truth.boxes[:, :2] * sides) * scale
