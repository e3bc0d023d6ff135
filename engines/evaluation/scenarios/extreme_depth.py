"""The nearest and the farthest objects."""

import numpy as np

from .setting import Row, Scenario, Setting, only, row

_PART = 10  # percent of the objects that are near, and as many that are far
_ABOUT = f"the nearest {_PART} % and the farthest {_PART} % of the objects"
_NAME = "extreme_depth"


def _run(setting: Setting) -> Row:
    depths = [
        np.full(len(truth), np.nan) if truth.z is None else truth.z for truth in setting.data.images
    ]
    every = np.concatenate(depths)
    if np.isnan(every).all():
        return Row.unmeasured(_NAME, _ABOUT, "the labels tell no depths")
    near, far = np.nanpercentile(every, [_PART, 100 - _PART])
    keep = [(z <= near) | (z >= far) for z in depths]
    found, truths = only(setting.found, setting.data.images, keep)
    return row(setting, _NAME, _ABOUT, found=found, truths=truths, seconds=setting.seconds)


SCENARIOS = (Scenario(_NAME, _run),)
