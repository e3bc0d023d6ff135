"""From the network's outputs to objects."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...detections.candidates import Boxes
from ...errors import InputError
from ...geometry.camera import Camera
from ...geometry.placement import Size
from ...geometry.rotations import from_two_rows
from ..objects import Objects
from ..projection import corrected, lifted

SCORE = 0.3  # the contract's default threshold
MOST = 50  # the contract's default number of objects per image


@dataclass(frozen=True, kw_only=True)
class Proposals(Boxes):
    """What the queries say, in px of the input. Fields are [B,Q,...].

    rotation:    [B,Q,3,3]
    origin:      [B,Q,2] px, where the object's origin is seen
    depth:       [B,Q,1] m along the optical axis
    keypoints:   [B,Q,K,2] px
    confidence:  [B,Q,K]
    """

    rotation: Tensor
    origin: Tensor
    depth: Tensor
    keypoints: Tensor
    confidence: Tensor


def scores_of(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return scores [...] and classes [...] of logits [...,C+1], whose last is the background."""
    best = logits.float().softmax(-1)[..., :-1].max(-1)
    return best.values, best.indices


def to_corners(boxes: Tensor) -> Tensor:
    """Return boxes [...,4] cx, cy, w, h as x0, y0, x1, y1."""
    centre, sides = boxes.split(2, -1)
    return torch.cat([centre - sides / 2, centre + sides / 2], -1)


def proposals(outputs: Mapping[str, Tensor], size: Size) -> Proposals:
    """Return what the network says of images of `size` (height, width)."""
    boxes = outputs["bbox"].float().sigmoid()
    scale = boxes.new_tensor([size[1], size[0]])
    scores, classes = scores_of(outputs["logits"])
    keypoints = outputs.get("keypoints")
    if keypoints is None:
        keypoints = boxes.new_zeros(*scores.shape, 0, 2)
    seen = outputs.get("keypoint_scores")
    return Proposals(
        boxes=to_corners(boxes) * scale.repeat(2),
        scores=scores,
        classes=classes,
        rotation=from_two_rows(outputs["rot6d"].float()),
        origin=boxes[..., :2] * scale + outputs["offsets"].float(),
        depth=outputs["log_z"].float().exp(),
        keypoints=keypoints.float() * scale,
        confidence=scores[..., None].expand(keypoints.shape[:3]) if seen is None else seen.float(),
    )


def check_limits(threshold: float, most: int) -> None:
    """Raise `InputError` for a threshold outside of 0..1, and for less than one object."""
    if not 0 <= threshold < 1 or most < 1:
        raise InputError(
            f"expected a score threshold in 0..1 and at least 1 object, found {threshold} and "
            f"{most}"
        )


def decode(
    outputs: Mapping[str, Tensor],
    size: Size,
    *,
    intrinsics: Tensor | None = None,
    threshold: float = SCORE,
    most: int = MOST,
    classes: Collection[int] = (),
) -> Objects:
    """Return the objects that the network found in images of `size` (height, width) px.

    intrinsics: [B,4] fx, fy, cx, cy in px of the input; None: poses are left out, as a place in
                space needs a camera
    threshold:  objects with at most this score are left out
    most:       objects per image
    classes:    numbers of those that are looked for; () for all

    Raises `InputError` for outputs that are not finite, and for a threshold or a number out of
    range.
    """
    check_limits(threshold, most)
    for name, values in outputs.items():
        if not bool(values.isfinite().all()):
            raise InputError(
                f"output {name}: found NaN or infinity; the checkpoint is damaged, or fp16 is too "
                "small for it: try fp32"
            )
    every = proposals(outputs, size)
    if classes:
        wanted = torch.isin(every.classes, torch.tensor([*classes], device=every.classes.device))
        every = replace(every, scores=every.scores * wanted)
    kept, count = every.best(most, above=threshold)
    found = Objects(
        boxes=kept.boxes,
        scores=kept.scores,
        classes=kept.classes,
        count=count,
        canvas=size,
        keypoints=kept.keypoints,
        confidence=kept.confidence,
    )
    if intrinsics is None:
        return found
    camera = corrected(intrinsics.float(), outputs["k_delta"].float())  # [B,4]
    places = lifted(kept.origin, kept.depth, camera[:, None])
    fx, fy, cx, cy = intrinsics.float().unbind(1)
    return replace(
        found,
        rotation=kept.rotation,
        translation=torch.where(found.present[..., None], places, 0),
        camera=Camera(fx, fy, cx, cy, size, axes="y_down"),
    )
