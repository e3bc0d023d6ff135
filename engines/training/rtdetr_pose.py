"""What the loop needs to know about RT-DETR-pose and a labelled data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..checks import check_shape
from ..datasets.object_bounds import bounds_of
from ..datasets.object_targets import symmetries_of, targets_of
from ..datasets.object_truth import ObjectKinds, ObjectTruth
from ..detect.rtdetr_pose.config import Config
from ..detect.rtdetr_pose.criterion import Criterion
from ..detect.rtdetr_pose.denoising import noised
from ..detect.rtdetr_pose.model import RTDETRPose
from ..detect.rtdetr_pose.targets import Targets
from ..errors import InputError
from .task import Judged


@dataclass(frozen=True)
class ObjectBatch:
    """Images [B,3,H,W] 0..1 and what is to be said about them."""

    images: Tensor
    targets: Targets


class RTDETRTask:
    """An RT-DETR-pose network that learns from labelled images held in memory.

    module: the network, new
    """

    def __init__(
        self,
        config: Config,
        kinds: ObjectKinds,
        truths: Sequence[ObjectTruth],
        pixels: Tensor,
        *,
        device: torch.device | str = "cpu",
        seed: int = 0,
        denoising: int = 0,
        colour_jitter: float = 0.0,
    ) -> None:
        """Make a new network and hold the images on `device`.

        config:        its classes and keypoints are those of `kinds`
        pixels:        [N,3,H,W] uint8 of the config's size
        seed:          of the network's first weights
        denoising:     groups of denoising queries
        colour_jitter: most that the brightness and each colour of an image are changed by, 0..1

        Raises `InputError` for no images, for images without any object, and for truths that the
        network cannot learn, by their names.
        """
        if (len(kinds.classes), len(kinds.keypoints)) != (config.classes, config.keypoints):
            raise InputError(
                f"config: expected {len(kinds.classes)} classes and {len(kinds.keypoints)} "
                f"keypoints, as the data set has, found {config.classes} and {config.keypoints}"
            )
        if not 0 <= colour_jitter < 1 or not 0 <= denoising <= 100:
            raise InputError(
                "expected a colour jitter in 0..1 and 0..100 groups of denoising queries, found "
                f"{colour_jitter} and {denoising}"
            )
        check_shape("pixels", pixels, [len(truths), 3, *config.size])
        targets = targets_of(truths, config.size)
        if not bool(targets.present.any()):
            raise InputError(
                f"{truths[0].name} and the others: expected objects to learn from, found none in "
                f"{len(truths)} images"
            )
        targets.check(config.classes, config.keypoints, config.queries)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self._module = RTDETRPose(config).to(device)
        self._kinds = kinds
        self._bounds = bounds_of(truths, len(kinds.classes))
        self._pixels = pixels.to(device)
        self._targets = targets.to(device)
        self._counts = targets.present.sum(1)
        self._criterion = Criterion(
            config.size, symmetries_of(kinds).to(device), kinds.sigmas.to(device)
        )
        self._denoising = denoising
        self._jitter = colour_jitter

    @property
    def module(self) -> nn.Module:
        """The network."""
        return self._module

    @property
    def count(self) -> int:
        """How many images there are."""
        return len(self._pixels)

    @property
    def config(self) -> Mapping[str, Any]:
        """The architecture, and what its numbers stand for."""
        return {
            "network": self._module.config.to_json(),
            "class_names": list(self._kinds.classes),
            "keypoint_names": list(self._kinds.keypoints),
            "skeleton": [list(pair) for pair in self._kinds.skeleton],
            "sigmas": self._kinds.sigmas.tolist(),
            "bounds": self._bounds,
        }

    def batch(self, examples: Tensor) -> ObjectBatch:
        """Return images and truths, on the device."""
        images = self._pixels[examples.to(self._pixels.device)].float() / 255
        if self._jitter:
            change = 1 + self._jitter * (2 * torch.rand(len(images), 4, 1, 1, 1) - 1)
            change = change.to(images.device)
            images = (images * change[:, 0] * change[:, 1:, 0]).clamp(0, 1)
        index = examples.to(self._targets.present.device)
        return ObjectBatch(images, self._targets.at(index))

    def weight(self, batch: ObjectBatch) -> int:
        """Return the number of objects."""
        return int(batch.targets.count)

    def judge(self, batch: ObjectBatch, weight: float) -> Judged:
        """Return the loss of a batch, its objects counting one `weight`-th."""
        module = self._module
        noise = noised(batch.targets, module.labels, self._denoising)
        layers = module.layers(batch.images, None if noise is None else noise.extra)
        with torch.autocast(batch.images.device.type, enabled=False):
            losses = self._criterion(layers, batch.targets, weight, noise)
        return Judged(losses.total, losses.terms)
