"""Small pictures of what nodes make, for `Shown`: a few frames from the whole clip."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ..engines.render.choices import NOISE_FLOOR

if TYPE_CHECKING:
    from torch import Tensor

    from ..engines.body.bodies import Bodies
    from ..engines.detect.objects import Objects
    from ..engines.flow.flow import Flow
    from ..engines.head.heads import Heads
    from ..engines.motion_tracks.tracks import MotionTracks
    from ..engines.pose.poses import Poses
    from ..engines.vace.normalise import Normalised

_FRAMES = 4
_SIDE = 448  # px, longest side: four frames take about 10 ms to encode
_THIN = 2.0  # px: thinner limbs than the style's suit a small picture
_COLUMNS = 4
_PANEL = 128  # px, longer side of a picture on VACE's sheet
_Found = TypeVar("_Found", "Bodies", "Heads", "Objects", "Poses")


def of_images(images: Tensor) -> Tensor:
    """Return a few of the images [F,H,W,3], small, as [n,h,w,3]."""
    from ..engines.vace.preview import spread_over

    return _thinned([images[i] for i in spread_over(len(images), _FRAMES)])


def of_poses(images: Tensor, poses: Poses) -> Tensor:
    """Return a few of the images [F,H,W,3], small, with their people drawn, as [n,h,w,3]."""
    from ..engines.render.skeleton import draw_skeletons

    small, size, people = _few(images, poses)
    return draw_skeletons(
        people, style="openpose", size=size, footage=small, line_width=_THIN, joint_radius=_THIN
    )[0]


def of_heads(images: Tensor, heads: Heads) -> Tensor:
    """Return a few of the images [F,H,W,3], small, with the axes of their heads, as [n,h,w,3]."""
    from ..engines.render.heads.draw import draw_heads

    small, size, few = _few(images, heads)
    return draw_heads(few, style="axes", size=size, footage=small, line_width=_THIN).image


def of_bodies(images: Tensor, bodies: Bodies) -> Tensor:
    """Return a few of the images [F,H,W,3], small, with the meshes of their bodies, as
    [n,h,w,3]."""
    from ..engines.render.bodies.draw import draw_bodies

    small, size, few = _few(images, bodies)
    return draw_bodies(few, colours="track", size=size, footage=small).image


def of_objects(images: Tensor, objects: Objects) -> Tensor:
    """Return a few of the images [F,H,W,3], small, with their objects drawn, as [n,h,w,3]."""
    from ..engines.render.objects.draw import draw_objects

    small, size, few = _few(images, objects)
    return draw_objects(few, size=size, footage=small, line_width=_THIN)[0]


def _few(images: Tensor, found: _Found) -> tuple[Tensor, tuple[int, int], _Found]:
    """Return a few of the images [F,H,W,3], small, as [n,h,w,3] on the CPU, their height and width,
    and what was found in them."""
    from ..engines.vace.preview import spread_over

    chosen = spread_over(len(images), _FRAMES)
    small = _thinned([images[i] for i in chosen]).cpu()
    few = type(found).cat([found.slice(i, i + 1) for i in chosen]).to("cpu")
    return small, (small.shape[1], small.shape[2]), few


def of_flow(flow: Flow) -> Tensor:
    """Return the flow of a few pairs, small, as [n,h,w,3]; white if there is none."""
    from ..engines.render.flow_colours import flow_colours
    from ..engines.render.flow_scales import flow_scales
    from ..engines.vace.preview import spread_over

    if not len(flow):
        return _thinned([flow.main.new_ones(*flow.size, 3)])
    chosen = [flow.main[i].movedim(0, -1) for i in spread_over(len(flow), _FRAMES)]
    rows = _thinned(chosen).cpu().movedim(-1, 1).contiguous()
    scales, _ = flow_scales(rows, "clip", floor=2 * NOISE_FLOOR)
    return flow_colours(rows, scales, floor=NOISE_FLOOR)


def of_tracks(tracks: MotionTracks, images: Tensor | None = None) -> Tensor:
    """Return motion tracks in a few frames, small, as [n,h,w,3]; over their images [F,H,W,3], if
    there are as many."""
    import torch

    from ..engines.render.tracks.trails import draw_trails
    from ..engines.vace.preview import spread_over

    chosen = spread_over(tracks.frame_count, _FRAMES)
    if images is not None and len(images) == tracks.frame_count:
        small = _thinned([images[i] for i in chosen]).cpu()
        size = (small.shape[1], small.shape[2])
    else:
        by = min(1.0, _SIDE / max(tracks.canvas))
        size = (max(1, round(tracks.canvas[0] * by)), max(1, round(tracks.canvas[1] * by)))
        small = torch.zeros(len(chosen), *size, 3)
    return draw_trails(tracks.to("cpu"), size=size, footage=small, frames=torch.tensor(chosen))


def of_vace(ready: Normalised) -> Tensor:
    """Return what the model sees of a few frames side by side, as [1,h,w,3]."""
    import torch.nn.functional as F

    from ..engines.vace.preview import see, sheet, spread_over, strips

    chosen = spread_over(ready.length, _COLUMNS)
    by = min(1.0, _PANEL / max(ready.size))
    size = [max(1, round(side * by)) for side in ready.size]

    def small(pictures: list[Tensor]) -> Tensor:  # [H,W,C] each
        thin = _thinned(pictures, _PANEL * 2).cpu().movedim(-1, 1)
        return F.interpolate(thin, size, mode="bilinear", antialias=True).movedim(1, -1)

    control = small([ready.image[i] for i in chosen])
    mask = small([ready.mask[i, ..., None] for i in chosen])[..., 0]
    reference = None if ready.references is None else small([ready.references[0]])
    seen = see(control, mask, reference=reference)
    return sheet(strips(seen, panel=_PANEL), range(len(chosen)), names=chosen)


def _thinned(pictures: list[Tensor], side: int = _SIDE) -> Tensor:
    """Subsample pictures [H,W,C] to [n,h,w,C] without filtering: it costs next to nothing, and
    lines several pixels wide survive it."""
    import torch

    height, width = pictures[0].shape[:2]
    every = -(-max(height, width) // side)
    return torch.stack([picture[::every, ::every] for picture in pictures])
