"""Skeletons in 3D as SCAIL takes them: shaded capsules, with DWPose's hands and face on top.

Colours, limbs, the radius, the light and the sizes of hands and face are those of
github.com/zai-org/SCAIL-Pose (Apache-2.0), NLFPoseExtract/nlf_render.py, render_3d/
taichi_cylinder.py and pose_draw/draw_utils.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...body.bodies import Bodies
from ...body.points import points_named
from ...errors import InputError
from ...geometry.placement import Size
from ...pose.poses import Poses
from ...pose.skeletons import OPENPOSE_134
from ...words import counted
from ..canvas import Canvas
from ..choices import COLOURINGS
from ..skeleton import draw_skeletons
from ..styles.parts import RAINBOW, body, constant, face, hands
from ..styles.style import Style
from .cast import Capsules, Hits, cast

# SMPL's joints in the order of OpenPose's first 14.
_JOINTS = (
    *("head", "neck", "right_shoulder", "right_elbow", "right_wrist"),
    *("left_shoulder", "left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle"),
    *("left_hip", "left_knee", "left_ankle"),
)
# From the trunk outwards; where two meet in a joint, the first is seen. Colours: of one person, and
# of the first and the second of two, 0..255.
_LIMBS = (
    ((1, 2), (255, 0, 0), (255, 150, 150), (255, 20, 20)),
    ((2, 3), (255, 85, 0), (255, 180, 140), (255, 60, 0)),
    ((3, 4), (255, 170, 0), (255, 215, 150), (255, 110, 0)),
    ((1, 5), (0, 255, 255), (180, 230, 240), (0, 230, 255)),
    ((5, 6), (0, 170, 255), (160, 200, 255), (0, 130, 255)),
    ((6, 7), (0, 85, 255), (100, 120, 255), (0, 70, 255)),
    ((1, 8), (180, 255, 0), (200, 255, 100), (160, 255, 40)),
    ((8, 9), (0, 255, 0), (100, 255, 100), (0, 255, 50)),
    ((9, 10), (0, 255, 85), (140, 255, 180), (0, 255, 100)),
    ((1, 11), (0, 0, 255), (120, 140, 255), (0, 0, 255)),
    ((11, 12), (85, 0, 255), (180, 90, 255), (80, 0, 255)),
    ((12, 13), (170, 0, 255), (190, 120, 255), (160, 0, 255)),
    ((1, 0), (150, 150, 150), (210, 210, 210), (130, 130, 130)),
)
_RADIUS = 0.0215  # m
_BEHIND, _FARTHEST = 6.0, 20.0  # m: depth fades to so far behind the farthest joint, at most
_NEAREST = 1e-4  # m
_AMBIENT, _SHINE = 0.3, 0.5


def _thin(height: int, width: int) -> float:
    return min(max(int(min(height, width) / 300), 1), 2)


def _line(height: int, width: int) -> float:
    """Half the width of OpenCV's lines of thickness 1, and of 2, which are 3 px wide."""
    return 0.5 if _thin(height, width) == 1 else 1.5


_HEAD = (0, 14, 15, 16, 17)  # nose, eyes and ears
_BODY = body(constant(4), constant(4))
_FACE = OPENPOSE_134.parts["face"].start
_SEEN_OF_FACE = {*range(17, 27), *range(36, 68)}  # brows, eyes and mouth
ON_TOP = Style(
    name="scail",
    groups=(
        replace(
            _BODY,
            limbs=tuple(limb for limb in _BODY.limbs if {*limb[0]} <= {*_HEAD}),
            dots=tuple((joint, RAINBOW[joint]) for joint in _HEAD),
        ),
        hands(_line, _thin),
        replace(
            face(_thin), dots=tuple(d for d in face(_thin).dots if d[0] - _FACE in _SEEN_OF_FACE)
        ),
    ),
    parts=("body", "hands", "face"),
)
"""What is drawn over the capsules, from poses in the picture."""


@dataclass(frozen=True)
class Fade:
    """How depth darkens capsules: not at `near` m or nearer, to black `over` m behind that."""

    near: float
    over: float

    @classmethod
    def of(cls, ends: Tensor) -> "Fade":
        """Return SCAIL's, from the nearest and the farthest joint [2] m of the clip."""
        nearest, farthest = ends.tolist()
        if nearest > farthest:  # nobody
            return cls(_NEAREST, _FARTHEST)
        return cls(max(nearest, _NEAREST), min(farthest + _BEHIND, _FARTHEST) - _NEAREST)


def depth_ends(bodies: Bodies) -> Tensor:
    """Return how far the nearest and the farthest joint that is drawn are from the camera's plane,
    [2] m; infinite and minus infinite where there is nobody."""
    depth = _places(bodies)[..., 2]
    depth = depth[depth.isfinite()]
    if not len(depth):
        return torch.tensor([torch.inf, -torch.inf])
    return torch.stack([depth.min(), depth.max()]).cpu()


def draw_scail(
    bodies: Bodies,
    *,
    poses: Poses | None = None,
    size: Size | None = None,
    fit: str = "stretch",
    colours: str = "style",
    fade: Fade | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw bodies as SCAIL's capsules, in front of their own camera.

    poses:    of the same frames, whose hands, eyes, ears, brows and mouths are drawn on top;
              None = nothing
    size:     height, width of the pictures; None = the canvas of the bodies
    fit:      how the frames are brought to another size; see `scale_and_shift`
    colours:  style: SCAIL's for one person, for everybody. track: those that it has for two; even
              tracks have the first one's, odd tracks the second one's
    fade:     None: that of these bodies, which must be the whole clip
    progress: called with the number of frames done since the last call

    Edges are hard, as SCAIL's are. Returns IMAGE [F,H,W,3] and MASK [F,H,W] (1 where something was
    drawn) on the bodies' device. Raises `InputError` for an unknown choice or rig, poses of another
    number of frames, and a fade that does not get darker.
    """
    if colours not in COLOURINGS:
        raise InputError(
            f"colours: expected one of {', '.join(COLOURINGS)}, found {colours[:40]!r}"
        )
    if poses is not None and len(poses) != len(bodies):
        raise InputError(
            f"poses: expected {counted(len(bodies), 'frame')}, as many as of the bodies, found "
            f"{len(poses)}"
        )
    fade = fade or Fade.of(depth_ends(bodies))
    if not fade.over > 0:
        raise InputError(f"fades_over: expected more than 0 m, found {fade.over:g}")
    canvas = Canvas.of(len(bodies), bodies.canvas, size, fit=fit, device=bodies.device)
    for part in canvas.parts():
        here = bodies.slice(part.start, part.stop)
        image, mask = canvas.image[part], canvas.mask[part]
        _draw(here, colours, fade, image, mask, fit)
        if poses is not None:
            _draw_on_top(poses.slice(part.start, part.stop).to(bodies.device), image, mask, fit)
        if progress is not None:
            progress(part.stop - part.start)
    return canvas.image, canvas.mask


def _places(bodies: Bodies) -> Tensor:
    """Return the joints [N,14,3] m of all bodies, x right, y down, z away from the camera."""
    return bodies.camera.view(points_named(bodies, _JOINTS).places).float()


def _draw(bodies: Bodies, colours: str, fade: Fade, image: Tensor, mask: Tensor, fit: str) -> None:
    """Draw the capsules into `image` [F,H,W,3] and `mask` [F,H,W], in place."""
    frame, place = bodies.present.nonzero(as_tuple=True)
    if not len(frame):
        return
    joints = _places(bodies)  # [N,14,3]
    table = torch.tensor([limb[1:] for limb in _LIMBS], device=image.device)  # [L,3,3]
    table = table.float() / 300 + 0.15
    ends = torch.tensor([pair for pair, *_ in _LIMBS], device=image.device)
    tracks = bodies.track_ids[frame, place]
    own = torch.where(tracks < 0, 0, 1 + tracks % 2) if colours == "track" else tracks * 0
    tint = table[:, own].transpose(0, 1).flatten(0, 1)  # [N*L,3]
    limbs = joints[:, ends]  # [N,L,2,3]
    capsules = Capsules(
        frame=frame.repeat_interleave(len(_LIMBS)),
        start=limbs[:, :, 0].flatten(0, 1),
        end=limbs[:, :, 1].flatten(0, 1),
        radius=_RADIUS,
    )
    size = (image.shape[1], image.shape[2])
    hits = cast(capsules, bodies.camera.fitted(size, fit), len(image), size)
    image.view(-1, 3)[hits.place] = _shaded(hits, tint[hits.capsule], fade)
    mask.view(-1)[hits.place] = 1.0


def _shaded(hits: Hits, colour: Tensor, fade: Fade) -> Tensor:
    """Return the colours [U,3] under a light that shines along the camera's axis: diffuse, with
    Blinn and Phong's highlight of exponent 32, both fading with depth."""
    away = hits.ray.new_tensor([0.0, 0.0, 1.0])
    diffuse = (-hits.normal[:, 2]).clamp(min=0)
    halfway = -hits.ray - away
    halfway = halfway / halfway.square().sum(-1, keepdim=True).sqrt()
    shine = (hits.normal * halfway).sum(-1).clamp(min=0)
    for _ in range(5):  # to the power of 32
        shine = shine * shine
    dim = (1 - (hits.depth - fade.near) / fade.over).clamp(0, 1)
    lit = (_AMBIENT + (1 - _AMBIENT) * diffuse) * dim
    return (colour * lit[:, None] + (_SHINE * shine * dim)[:, None]).clamp(0, 1)


def _draw_on_top(poses: Poses, image: Tensor, mask: Tensor, fit: str) -> None:
    """Put hands and faces over the capsules, in place. As SCAIL does, each of red, green and blue
    by itself where it is not 0: a blue dot leaves the red and green beneath it."""
    size = (image.shape[1], image.shape[2])
    over, drawn = draw_skeletons(poses, style=ON_TOP, size=size, fit=fit, antialias=False)
    torch.where(over > 0, over, image, out=image)
    torch.maximum(mask, drawn, out=mask)
