"""Objects that stand on a table: with the table known, detections far off it are rejected."""

import numpy as np

from ...datasets.records import Array, Records
from ..judge.errors import diameter
from .setting import Row, Scenario, Setting, Watch, plain, row

_ON = "detections farther than an object from the table are rejected"
_OFF = "all images, without a table"
_LEAST = 8  # objects that tell a plane
_FLAT = 0.1  # most distance from the plane, as a part of how widely the objects are spread on it
_REACH = 0.75  # of the largest diameter: how far from the table the middle of an object may be
_UNKNOWN = 0.1  # m, the same where no shape is known


def _on(setting: Setting) -> Row:
    plane = setting.plane
    if plane is None:
        found = table_of(setting.data)
        if isinstance(found, str):
            return Row.unmeasured("tabletop_on", _ON, found)
        plane = found
    watch = Watch()
    sizes = [diameter(points) for truth in setting.data.images for points in truth.cad_points]
    reach = _REACH * max(sizes) if sizes else _UNKNOWN
    gates = [
        # What tells no place cannot be off the table.
        ~(np.abs(some.translation @ plane[:3] + plane[3]) > reach)
        for some in setting.found
    ]
    return row(setting, "tabletop_on", _ON, gates=gates, seconds=watch.seconds)


def table_of(data: Records) -> Array | str:
    """Return the plane [4] that the objects of all images stand on, or why there is none.

    It is one plane before one camera, as in pictures from a tripod.
    """
    known = [t.translation for t in data.images if t.translation is not None and len(t)]
    places = np.concatenate(known) if known else np.zeros((0, 3))
    if len(places) < _LEAST:
        return f"{_LEAST} objects with a place in space tell a table, there are {len(places)}"
    middle = places.mean(0)
    _, spread, axes = np.linalg.svd(places - middle, full_matrices=False)
    off, wide = spread[2] / len(places) ** 0.5, spread[1] / len(places) ** 0.5
    if off > _FLAT * wide:
        return (
            f"the objects stand on no common plane: they lie {off:.3g} m off the best one and "
            f"{wide:.3g} m apart on it; where there is a table, give its plane"
        )
    return np.append(axes[2], -axes[2] @ middle)


SCENARIOS = (
    Scenario("tabletop_on", _on),
    plain("tabletop_off", _OFF),
)
