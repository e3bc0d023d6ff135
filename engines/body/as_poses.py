"""Bodies as poses in the picture."""

from torch import Tensor

from ..pose.poses import Poses
from ..pose.skeletons import COCO_17
from .bodies import Bodies
from .points import points_named


def as_poses(bodies: Bodies) -> Poses:
    """Return the joints of bodies where they appear in the frames, in the same places; those that
    the rig lacks are not seen.

    Raises `InputError` for an unknown rig.
    """
    found = points_named(bodies, COCO_17.joints)
    at = bodies.present.nonzero(as_tuple=True)

    def spread(values: Tensor) -> Tensor:
        empty = values.new_zeros(*bodies.scores.shape, *values.shape[1:])
        return empty.index_put(at, values)

    return Poses(
        keypoints=spread(found.image.nan_to_num(0.0)),
        confidence=spread(found.sure),
        boxes=bodies.boxes,
        scores=bodies.scores,
        track_ids=bodies.track_ids,
        count=bodies.count,
        canvas=bodies.canvas,
        skeleton=COCO_17.name,
    )
