"""Which query is to find which object: the assignment of least cost, image by image."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...errors import TrainingError
from ...geometry.rotations import from_two_rows
from ..symmetry import Symmetries
from .decode import to_corners
from .model import Outputs
from .targets import Targets
from .terms import giou, oks


@dataclass(frozen=True)
class Costs:
    """Weights of what an assignment costs; those of RT-DETR (Zhao et al., CVPR 2024), to which
    pose and keypoints can be added where boxes alone are ambiguous."""

    logits: float = 2.0
    bbox: float = 5.0
    giou: float = 2.0
    rot6d: float = 0.0
    log_z: float = 0.0
    keypoints: float = 0.0
    oks: float = 0.0


@dataclass(frozen=True)
class Pairs:
    """N queries and their objects. layer, image, query, place: [N] int64."""

    layer: Tensor
    image: Tensor
    query: Tensor
    place: Tensor

    def of(self, values: Tensor) -> Tensor:
        """Return [N,...] of values [L,B,Q,...] of queries."""
        return values[self.layer, self.image, self.query]

    def true(self, values: Tensor) -> Tensor:
        """Return [N,...] of values [B,M,...] of objects."""
        return values[self.image, self.place]


@torch.no_grad()
def match(
    outputs: Outputs,
    targets: Targets,
    costs: Costs,
    symmetries: Symmetries,
    sigmas: Tensor,
    size: tuple[int, int],
) -> Pairs:
    """Return the assignment of every layer and image.

    outputs: [L,B,Q,...] of L layers, all finite
    sigmas:  [K] of the keypoints
    size:    height and width of the network's input, px

    Costs are computed for all layers, images, queries and objects at once. Raises `TrainingError`
    that names the image for a cost that is not finite.
    """
    from scipy.optimize import linear_sum_assignment

    every = _costs(outputs, targets, costs, symmetries, sigmas, size).cpu()
    if not bool(every.isfinite().all()):
        image = int((~every.isfinite()).any(-1).any(-1).any(0).nonzero()[0])
        raise TrainingError(
            f"cost of the assignment, image {targets.names[image]}: found NaN or infinity; lower "
            "the learning rate"
        )
    cost = every.numpy()
    counts = targets.present.sum(1).tolist()
    device = targets.present.device
    found = []
    for layer, images in enumerate(cost):
        for image, (table, count) in enumerate(zip(images, counts, strict=True)):
            queries, places = linear_sum_assignment(table[:, :count])
            same = np.full_like(queries, layer), np.full_like(queries, image)
            found.append(np.stack([*same, queries, places]))
    rows = torch.from_numpy(np.concatenate(found, 1)).to(device, torch.int64)
    return Pairs(*rows.unbind(0))


def _costs(
    outputs: Outputs,
    targets: Targets,
    costs: Costs,
    symmetries: Symmetries,
    sigmas: Tensor,
    size: tuple[int, int],
) -> Tensor:
    """Return [L,B,Q,M]. Objects are the first of their image's places, so that empty ones, whose
    values mean nothing, are cut off."""
    layers, batch, queries = outputs["logits"].shape[:3]
    places = targets.present.shape[1]
    shape = (layers, batch, queries, places)
    likely = outputs["logits"].softmax(-1)
    kinds = targets.classes.clamp(min=0)[None, :, None].expand(shape)
    total = costs.logits * (1 - likely.gather(-1, kinds))
    boxes = outputs["bbox"].sigmoid()[..., None, :]
    wanted = torch.nan_to_num(targets.boxes)[:, None]
    total += costs.bbox * (boxes - wanted).abs().sum(-1)
    total += costs.giou * (1 - giou(to_corners(boxes), to_corners(wanted)))
    if costs.rot6d and "rot6d" in outputs:
        turned = from_two_rows(outputs["rot6d"])[..., None, :, :].expand(*shape, 3, 3)
        true = targets.rotation[:, None].expand(*shape, 3, 3)
        total += costs.rot6d * torch.nan_to_num((3 - symmetries.trace(turned, true, kinds)) / 4)
    if costs.log_z and "log_z" in outputs:
        far = (outputs["log_z"] - targets.z.log()[:, None]).abs()
        total += costs.log_z * torch.nan_to_num(far)
    if (costs.keypoints or costs.oks) and "keypoints" in outputs:
        true = targets.keypoints[:, None]
        apart = (outputs["keypoints"][..., None, :, :] - true[..., :2]).abs().sum(-1)
        labelled = (true[..., 2] > 0).float()
        mean = (apart * labelled).sum(-1) / labelled.sum(-1).clamp(min=1)
        total += costs.keypoints * mean
        points = outputs["keypoints"][..., None, :, :].expand(*shape, -1, 2)
        total += costs.oks * (1 - oks(points, true, wanted, sigmas, size))
    return total
