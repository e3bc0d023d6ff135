"""What the loop needs to know about RT-DETR-pose and a labelled data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..datasets.object_bounds import bounds_of
from ..datasets.object_targets import symmetries_of, targets_of
from ..datasets.object_truth import ObjectKinds, ObjectTruth
from ..detect.rtdetr_pose.backbone import load_pretrained
from ..detect.rtdetr_pose.config import Config
from ..detect.rtdetr_pose.criterion import Criterion
from ..detect.rtdetr_pose.denoising import noised
from ..detect.rtdetr_pose.matcher import Costs
from ..detect.rtdetr_pose.model import RTDETRPose
from ..detect.rtdetr_pose.targets import Targets
from ..errors import InputError
from .augment import Augment, Choices
from .pixels import Pixels
from .task import Judged


@dataclass(frozen=True)
class ObjectBatch:
    """Images [B,3,H,W] 0..1 and what is to be said about them."""

    images: Tensor
    targets: Targets


class RTDETRTask:
    """An RT-DETR-pose network that learns from labelled images.

    module: the network, new
    """

    def __init__(
        self,
        config: Config,
        kinds: ObjectKinds,
        truths: Sequence[ObjectTruth],
        pixels: Pixels,
        *,
        device: torch.device | str = "cpu",
        seed: int = 0,
        denoising: int = 0,
        augment: Choices | None = None,
        costs: Costs | None = None,
    ) -> None:
        """Make a new network on `device`, with the weights that its backbone comes with, if any.

        config:    its classes and keypoints are those of `kinds`
        pixels:    of the truths' images, of the config's size
        seed:      of the network's first weights
        denoising: groups of denoising queries
        augment:   how images are changed by chance; None: not at all
        costs:     of the assignment; None: the usual ones

        Raises `InputError` for no images, for images without any object, and for truths that the
        network cannot learn, by their names.
        """
        if (len(kinds.classes), len(kinds.keypoints)) != (config.classes, config.keypoints):
            raise InputError(
                f"config: expected {len(kinds.classes)} classes and {len(kinds.keypoints)} "
                f"keypoints, as the data set has, found {config.classes} and {config.keypoints}"
            )
        if not 0 <= denoising <= 100:
            raise InputError(
                f"denoising: expected 0..100 groups of denoising queries, found {denoising}"
            )
        targets = targets_of(truths, config.size)
        if not bool(targets.present.any()):
            raise InputError(
                f"{truths[0].name} and the others: expected objects to learn from, found none in "
                f"{len(truths)} images"
            )
        targets.check(config.classes, config.keypoints, config.queries)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self._module = RTDETRPose(config)
        load_pretrained(self._module.backbone)
        self._module.to(device)
        self._kinds = kinds
        self._bounds = bounds_of(truths, len(kinds.classes))
        self._pixels = pixels
        self._device = torch.device(device)
        self._targets = targets.to(device)
        self._criterion = Criterion(
            config.size,
            symmetries_of(kinds).to(device),
            kinds.sigmas.to(device),
            costs or Costs(),
        )
        self._denoising = denoising
        self._augment = Augment(augment or Choices(), kinds, config.queries)

    @property
    def module(self) -> nn.Module:
        """The network."""
        return self._module

    @property
    def count(self) -> int:
        """How many images there are."""
        return len(self._targets.names)

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

    def expect(self, examples: Tensor) -> None:
        """Be told the examples of the next step, whose images may be read meanwhile."""
        self._pixels.expect(examples)

    def batch(self, examples: Tensor) -> ObjectBatch:
        """Return images and truths, on the device, changed by chance."""
        images = self._pixels.at(examples).to(self._device).float() / 255
        targets = self._targets.at(examples.to(self._device))
        return ObjectBatch(*self._augment(images, targets))

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
