"""Skeletons of a whole batch of frames, drawn at once on the poses' device."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import InputError
from ..geometry import Size, expand_frames, fit_images, place
from ..pose.poses import Poses
from .raster import DOT, ELLIPSE, LINE, Shapes, draw
from .styles import STYLES, Style

COLOUR_ORDERS = ("rgb", "bgr")

# Pixels drawn in one go: bounds the working memory to some hundred MB at any length of video,
# and on a CPU keeps it near the caches.
_THINNEST = 0.5  # px: half a pixel, the least radius that still marks one

_PIXELS_AT_ONCE = {"cpu": 2**21, "cuda": 2**26}


def draw_skeletons(
    poses: Poses,
    *,
    style: str = "openpose",
    size: Size | None = None,
    fit: str = "stretch",
    footage: Tensor | None = None,
    line_width: float = 0.0,
    joint_radius: float = 0.0,
    colour_order: str = "rgb",
    antialias: bool = True,
    progress: Callable[[int], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw every visible joint and limb of `poses`.

    style:        one of `STYLES`
    size:         height, width of the pictures; None = the poses' canvas
    fit:          how the canvas is brought to another size: each side by itself (stretch), whole
                  with empty borders (letterbox), or filling it and cut at the edges (crop)
    footage:      [F,H,W,3] or [1,H,W,3] 0..1 to draw over; None = black
    line_width:   thickness of limbs in px; 0 = the style's
    joint_radius: radius of dots in px; 0 = the style's; negative = no dots
    antialias:    False draws hard pixels at the whole-pixel positions of the OpenCV drawing code

    Returns IMAGE [F,H,W,3] and MASK [F,H,W] (1 where something was drawn) on the poses' device.
    Raises `InputError` for an unknown choice, a size below 1 or footage of another length.
    """
    if style not in STYLES:
        raise InputError(f"style: expected one of {', '.join(STYLES)}, found {style!r}")
    look = STYLES[style]
    if colour_order not in COLOUR_ORDERS:
        raise InputError(
            f"colour order: expected one of {', '.join(COLOUR_ORDERS)}, found {colour_order!r}"
        )
    height, width = size or poses.canvas
    if min(height, width) < 1:
        raise InputError(f"size: expected at least 1x1, found {width}x{height}")
    frames = len(poses)
    if footage is not None and footage.shape[0] not in (1, frames):
        raise InputError(
            f"footage: expected {frames} frames (as many as there are poses) or 1, "
            f"found {footage.shape[0]}"
        )
    image = _background(footage, frames, (height, width), fit, poses.device)
    mask = torch.zeros(frames, height, width, device=poses.device)
    scale, shift = place(poses.canvas, (height, width), fit)
    at_once = max(1, _PIXELS_AT_ONCE.get(poses.device.type, 2**24) // (height * width))
    half_width = line_width / 2 if line_width > 0 else look.half_width(height, width)
    radius = joint_radius if joint_radius != 0 else look.radius(height, width)
    table = _colours(look, colour_order, poses.device)
    joints = poses.as_openpose() if look.skeleton == "openpose_18" else poses
    points = joints.keypoints.float()
    points = points * points.new_tensor(scale[::-1]) + points.new_tensor(shift[::-1])
    seen = (joints.confidence > 0) & poses.present[..., None]
    for begin in range(0, frames, at_once):
        part = slice(begin, begin + at_once)
        shapes = _shapes(
            look, points[part], seen[part], half_width, radius, table, whole=not antialias
        )
        draw(shapes, image[part], mask[part], antialias=antialias)
        if progress is not None:
            progress(min(at_once, frames - begin))
    return image, mask


def _shapes(
    style: Style,
    points: Tensor,
    seen: Tensor,
    half_width: float,
    radius: float,
    table: Tensor,
    *,
    whole: bool,
) -> Shapes:
    """The ellipses, lines and dots of [F,P,J,2] points, where seen [F,P,J].

    `whole` cuts positions, lengths and angles to whole numbers as the OpenCV drawing code does.
    """
    frames, people, joints = seen.shape
    if whole:
        points = points.double()  # a float's rounding would tip values across whole numbers
    limbs = torch.tensor(style.limbs, device=points.device)
    count = len(style.limbs)
    start, end = points[:, :, limbs[:, 0]], points[:, :, limbs[:, 1]]  # [F,P,L,2]
    limb_seen = seen[:, :, limbs[:, 0]] & seen[:, :, limbs[:, 1]]
    along = start - end
    length = torch.linalg.vector_norm(along, dim=-1)
    middle = (start + end) / 2
    half_length = length / 2
    direction = along / length.clamp(min=1e-6)[..., None]
    direction = torch.where((length < 1e-6)[..., None], direction.new_tensor([1.0, 0.0]), direction)
    if whole:
        points = points.trunc()
        if style.ellipses:
            middle, half_length = middle.trunc(), half_length.trunc()
            angle = torch.rad2deg(torch.atan2(along[..., 1], along[..., 0])).trunc().deg2rad()
            direction = torch.stack([angle.cos(), angle.sin()], -1)
    else:
        # Coordinates have the corner of the first pixel as their origin, shapes its centre.
        points, middle = points - 0.5, middle - 0.5
        half_length = half_length.clamp(min=_THINNEST)

    # order within a frame: [P, L + J]
    person = torch.arange(people, device=points.device)[:, None]
    part = torch.arange(count + joints, device=points.device)[None]
    if style.joints_first:
        part = (part + joints) % (count + joints)  # dots 0..J-1, limbs after them
    order = person * (count + joints) + part if style.by_person else part * people + person
    frame = torch.arange(frames, device=points.device)[:, None, None]
    frame = frame.expand(frames, people, count + joints)
    order = order[None]

    dots = seen if radius > 0 else torch.zeros_like(seen)
    keep = torch.cat([limb_seen, dots], 2).flatten().nonzero().squeeze(1)
    upright = points.new_tensor([1.0, 0.0]).expand(frames, people, joints, 2)
    width = points.new_full((frames, people, count), half_width)
    round_ = points.new_full((frames, people, joints), max(radius, _THINNEST))
    limb = torch.arange(count + joints, device=points.device) < count
    kind = torch.where(limb, ELLIPSE if style.ellipses else LINE, DOT)

    def kept(values: Tensor) -> Tensor:
        return values.expand(frames, people, *values.shape[2:]).flatten(0, 2)[keep]

    return Shapes(
        frame=kept(frame),
        order=kept(order),
        center=kept(torch.cat([middle, points], 2)).float(),
        direction=kept(torch.cat([direction, upright], 2)).float(),
        half_length=kept(torch.cat([half_length, round_], 2)).float(),
        half_width=kept(torch.cat([width, round_], 2)).float(),
        colour=kept(table[None, None]),
        kind=kept(kind[None, None]),
    )


def _colours(style: Style, colour_order: str, device: torch.device) -> Tensor:
    """[L+J,3] 0..1"""
    table = torch.tensor(style.limb_colours + style.joint_colours) / 255
    # divided on the CPU: another device rounds the last bit otherwise
    return (table.flip(1) if colour_order == "bgr" else table).to(device)


def _background(
    footage: Tensor | None, frames: int, size: Size, fit: str, device: torch.device
) -> Tensor:
    """[F,H,W,3], a new tensor that may be drawn upon."""
    if footage is None:
        return torch.zeros(frames, *size, 3, device=device)
    image = fit_images(footage.to(device, torch.float32), size, fit, fill=0.0)
    return expand_frames(image, frames).clamp(0, 1)  # a copy in any case
