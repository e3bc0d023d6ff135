"""What can be measured of bodies in footage without a truth: steadiness, bones, feet that stand."""

from typing import Any

import torch
from torch import Tensor

from ..body.bodies import Bodies
from ..body.ik.chain import SIDES
from ..body.kinematics import pose_joints
from ..body.landmarks import BodyPoints
from ..body.metrics.meter import Meter
from ..body.metrics.observe import observe
from ..body.rig import mannequin
from ..tracking.columns import Columns

_FEET = ("heel", "foot_index")
_BONES = (
    *(("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")),
    ("shoulder", "hip"),
)
_SEEN = 0.5  # visibility of the points that are looked at
# A foot stands while its heel and toes move by less than this in the picture, in heights of the
# box per second. A foot that swings in a slow walk does 1.
_STANDS = 0.25


def stillness(bodies: Bodies, fps: float) -> dict[str, float | None]:
    """Return how steady bodies are: turns of joints, `pose_deg` a frame, acceleration, m/s²,
    and jerk, m/s³, of joints, relative to the pelvis and in front of the camera; None for
    clips that are too short."""
    captured = torch.arange(len(bodies), dtype=torch.float64) / fps
    meter = Meter(seconds=max(1.0, 2 * len(bodies) / fps), period=1 / fps)
    meter.add(observe(bodies.to("cpu"), mannequin(), captured))
    summary = meter.summary()
    values = {} if summary is None else summary.everybody.values
    names = {
        "pose_deg": "pose",
        "acceleration": "acceleration_root",
        "jerk": "jerk_root",
        "jerk_in_camera": "jerk",
    }
    found = {name: values.get(key, torch.nan) for name, key in names.items()}
    return {name: value if value == value else None for name, value in found.items()}


def bone_spread(points: BodyPoints) -> float | None:
    """Return how much the lengths of limbs and trunk in metres vary over a track: the mean of their
    standard deviations in % of their means; None if no track has two bodies that are seen."""
    here = points.to("cpu")
    columns = Columns.of(here.present, here.track_ids, None, "bodies")
    world, sure = columns.gather(here.world), columns.gather(here.visibility)  # [F,T,K,...]
    number = here.names.index
    pairs = [(f"{side}_{a}", f"{side}_{b}") for side, _ in SIDES for a, b in _BONES]
    ends = [torch.tensor([number(pair[end]) for pair in pairs]) for end in (0, 1)]
    length = (world[:, :, ends[0]] - world[:, :, ends[1]]).norm(dim=-1)  # [F,T,L]
    known = torch.minimum(sure[:, :, ends[0]], sure[:, :, ends[1]]) > _SEEN
    count = known.sum(0)
    mean = (length * known).sum(0) / count.clamp(min=1)
    spread = (((length - mean) ** 2 * known).sum(0) / count.clamp(min=1)).sqrt()
    usable = (count > 1) & (mean > 0)
    return 100 * float((spread / mean)[usable].mean()) if bool(usable.any()) else None


def standing(points: BodyPoints, fps: float) -> Tensor:
    """Return which feet stand [F,P,2] bool, the left one first, by how they move in the picture.

    The camera has to be still. In a frame a foot stands if its heel and toes move by less than a
    quarter of the person's height per second since the frame before.
    """
    columns = Columns.of(points.present, points.track_ids, None, "bodies")
    number = [[points.names.index(f"{side}_{end}") for end in _FEET] for side, _ in SIDES]
    flat = columns.gather(points.points)[:, :, number]  # [F,T,2,2,2] px
    sure = columns.gather(points.visibility)[:, :, number].amin(-1) > _SEEN  # [F,T,2]
    boxes = columns.gather(points.boxes)
    high = (boxes[..., 3] - boxes[..., 1]).clamp(min=1)[..., None]
    if len(flat) < 2:
        return torch.zeros(*points.scores.shape, 2, dtype=torch.bool, device=points.device)
    speed = (flat[1:] - flat[:-1]).norm(dim=-1).amax(-1) / high[1:] * fps  # [F-1,T,2]
    still = (speed < _STANDS) & sure[1:] & sure[:-1]
    still &= (columns.present[1:] & columns.present[:-1])[..., None]
    still = torch.cat([torch.zeros_like(still[:1]), still])
    empty = torch.zeros(*points.scores.shape, 2, dtype=torch.bool, device=points.device)
    return columns.put(empty, still)


def sliding(bodies: Bodies, stands: Tensor) -> dict[str, Any]:
    """Return how far feet slide while they stand: `steps`, how many times a foot stood since the
    frame before, and the mean and the 95 % quantile of its way in these, `mean_mm` and `p95_mm`,
    of the ankle and the ball; None without any.

    stands: [F,P,2] bool, left and right, of feet that stand since the frame before
    """
    here, rig = bodies.to("cpu"), mannequin()
    columns = Columns.of(here.present, here.track_ids, None, "bodies")
    posed = pose_joints(
        rig, here.rotation.flatten(0, 1), here.translation.flatten(0, 1), here.shape.flatten(0, 1)
    )
    feet = [[rig.index(f"{bone}_{side}") for bone in ("foot", "ball")] for _, side in SIDES]
    at = columns.gather(posed.position.unflatten(0, here.scores.shape)[:, :, feet])  # [F,T,2,2,3]
    way = (at[1:] - at[:-1]).norm(dim=-1).mean(-1)  # [F-1,T,2] m
    there = (columns.present[1:] & columns.present[:-1])[..., None]
    moved = 1000 * way[columns.gather(stands.cpu())[1:] & there]
    if not len(moved):
        return {"steps": 0, "mean_mm": None, "p95_mm": None}
    return {
        "steps": len(moved),
        "mean_mm": float(moved.mean()),
        "p95_mm": float(moved.quantile(0.95)),
    }
