"""Compare the Triton kernel that draws, interpreted on the CPU, with the same steps in torch.

test_render_kernels.py runs it, see `interpreted`.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial

import torch

from interpreted import Case, print_cases
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.skeletons import OPENPOSE_134
from kinograph.engines.render import kernels
from kinograph.engines.render.raster import Shapes, draw
from kinograph.engines.render.skeleton import draw_skeletons
from kinograph.engines.render.styles import STYLES


def shapes(count: int, size: tuple[int, int], *, around: int, shuffled: bool) -> Case:
    """All kinds, on three frames, the second of them empty, over footage and an earlier mask.

    around: px beyond the edges in which their centres lie, too
    """
    height, width = size
    angle = torch.rand(count) * 2 * math.pi
    made = Shapes(
        frame=torch.arange(count) % 2 * 2,
        order=torch.randperm(count) if shuffled else torch.arange(count),
        center=torch.rand(count, 2) * torch.tensor([width, height]).add(2 * around) - around,
        direction=torch.stack([angle.cos(), angle.sin()], 1),
        half_length=torch.rand(count) * 30 + 0.5,
        half_width=torch.rand(count) * 6 + 0.5,
        colour=torch.rand(count, 3),
        kind=torch.arange(count) % 3,
    )
    made.half_length[made.kind == 0] = made.half_width[made.kind == 0]
    footage, earlier = torch.rand(3, height, width, 3), torch.rand(3, height, width)

    def case() -> tuple[torch.Tensor, ...]:
        image, mask = footage.clone(), earlier.clone()
        draw(made, image, mask, antialias=True)
        return image, mask

    return case


def people(style: str) -> Case:
    """Two people with all joints but one that is not seen; on a second frame, one outside."""
    joints = len(OPENPOSE_134)
    points = torch.rand(2, 2, joints, 2) * torch.tensor([40.0, 30.0])
    points[1] += 500
    confidence = torch.ones(2, 2, joints)
    confidence[0, 0, 4] = 0
    poses = Poses(
        keypoints=points,
        confidence=confidence,
        boxes=torch.cat([points.amin(2), points.amax(2)], -1),
        scores=torch.ones(2, 2),
        track_ids=torch.full((2, 2), -1),
        count=torch.tensor([2, 1]),
        canvas=(30, 40),
        skeleton=OPENPOSE_134.name,
    )
    return lambda: draw_skeletons(poses, style=style, parts=STYLES[style].parts)


CASES: Mapping[str, Callable[[], Case]] = {
    "shapes": lambda: shapes(40, (75, 70), around=20, shuffled=True),
    "more-than-are-tested-at-once": lambda: shapes(600, (20, 50), around=90, shuffled=False),
    **{style: partial(people, style) for style in STYLES},
}


if __name__ == "__main__":
    print_cases(kernels, CASES)
