"""Draw bodies: over footage, and as depth, normals and silhouettes, all in one go."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...body.bodies import Bodies
from ...errors import InputError
from ...geometry.camera import Camera
from ...geometry.placement import Size
from ..body_meshes import GREY, body_meshes
from ..canvas import Canvas
from ..choices import COLOURINGS, NORMAL_AXES
from ..limbs import track_colours
from ..mesh.batches import batches
from ..mesh.draw import SAMPLES, check_samples, scene_of
from ..mesh.instances import Instances
from ..mesh.layers import Scene
from ..mesh.light import Light
from ..mesh.outputs import normal_signs
from ..mesh.pixels import Pixels
from .depth_range import DepthRange, DepthState

_BODIES_AT_ONCE = 256  # 0.32 MB each


@dataclass(frozen=True)
class DrawnBodies:
    """Pictures of bodies, antialiased, and what `depth` reaches from and to.

    image:   [F,H,W,3] the lit meshes over footage or black
    mask:    [F,H,W] the part of each pixel that bodies cover
    depth:   [F,H,W,3] grey, lighter where it is nearer; black where there is nobody
    normals: [F,H,W,3] unit normals n as (n + 1) / 2; black where there is nobody
    ends:    [F,2] 1/m: the nearness of white and of black
    state:   for the next chunk
    """

    image: Tensor
    mask: Tensor
    depth: Tensor
    normals: Tensor
    ends: Tensor
    state: DepthState


def draw_bodies(
    bodies: Bodies,
    *,
    colours: str = "style",
    opacity: float = 1.0,
    footage: Tensor | None = None,
    size: Size | None = None,
    fit: str = "stretch",
    depth: DepthRange | None = None,
    normals: str = "bae",
    samples: int = SAMPLES,
    state: DepthState | None = None,
    progress: Callable[[int], None] | None = None,
) -> DrawnBodies:
    """Draw the surfaces of all bodies in front of their camera.

    colours:  style: a light grey; track: one for each track
    opacity:  of the meshes over what lies behind them, 0..1; the other pictures do not depend on it
    footage:  [F,H,W,3] or [1,H,W,3] 0..1 to draw over; None = black
    size:     height, width of the pictures; None = the canvas of the bodies
    fit:      how the frames of the bodies are brought to another size; see `scale_and_shift`
    depth:    None: `DepthRange()`
    normals:  axes of normals in red, green, blue; see `draw_controls`
    samples:  per pixel, for antialiasing: 1 (none), 4, 8 or 16
    state:    of the chunk before; None: these are the first frames
    progress: called with the number of frames done since the last call

    Each body is posed once and each triangle rasterised once for all pictures. A frame depends on
    nothing but itself, and its depth on the frames before it. Returns pictures on the device of the
    bodies. Raises `InputError` for an unknown choice or rig, numbers out of range, and footage of
    another length.
    """
    for name, found, known in (
        ("colours", colours, COLOURINGS),
        ("normals", normals, NORMAL_AXES),
    ):
        if found not in known:
            raise InputError(f"{name}: expected one of {', '.join(known)}, found {found[:40]!r}")
    if not 0 <= opacity <= 1:
        raise InputError(f"opacity: expected 0..1, found {opacity}")
    check_samples(samples)
    depth, frames = depth or DepthRange(), len(bodies)
    whole = Canvas.of(frames, bodies.canvas, size, fit=fit, footage=footage, device=bodies.device)
    drawn = _Drawn(whole, torch.zeros_like(whole.mask), torch.zeros_like(whole.image))
    seen = whole.image.new_full((frames, 2), torch.nan)
    look = _Look(opacity, normal_signs(normals, bodies.camera).to(whole.image), samples)
    at_once = max(1, _BODIES_AT_ONCE // max(1, bodies.scores.shape[1]))
    for start in range(0, frames, at_once):
        stop = min(start + at_once, frames)
        here = bodies.slice(start, stop)
        if bool(here.count.any()):
            meshes = _meshes(here, colours)
            camera = here.camera.fitted(whole.size, fit)
            seen[start:stop] = _draw(meshes, camera, look, drawn.part(start, stop))
        if progress is not None:
            progress(stop - start)
    ends, after = depth.ends(seen, state)
    white, black = ends[:, :, None, None].unbind(1)
    # Grey is even in nearness: that of a pixel is the mean of its samples, of which only those
    # that bodies cover are brighter than black.
    grey = (drawn.nearness - whole.mask * black) / (white - black)
    grey = torch.minimum(grey.clamp_(min=0), whole.mask)
    pictures = grey[..., None].expand(-1, -1, -1, 3).contiguous()
    return DrawnBodies(whole.image, whole.mask, pictures, drawn.normals, ends, after)


@dataclass(frozen=True)
class _Look:
    """How samples become pixels. signs: [3,1] of normals in their picture."""

    opacity: float
    signs: Tensor
    samples: int


@dataclass(frozen=True)
class _Drawn:
    """The pictures that are drawn upon, of some frames: nearness [F,H,W] 1/m, times the part of
    each pixel that is covered, and normals [F,H,W,3]."""

    canvas: Canvas
    nearness: Tensor
    normals: Tensor

    def part(self, start: int, stop: int) -> "_Drawn":
        """Return those of the frames from `start` up to but not including `stop`."""
        canvas = self.canvas
        return _Drawn(
            Canvas(canvas.image[start:stop], canvas.mask[start:stop], canvas.source, canvas.fit),
            self.nearness[start:stop],
            self.normals[start:stop],
        )


def _meshes(bodies: Bodies, colours: str) -> Instances:
    """Return the bodies as meshes, in colours by track if asked for."""
    meshes = body_meshes(bodies)
    if colours != "track":
        return meshes
    at = bodies.present.nonzero(as_tuple=True)
    colour = track_colours(bodies.track_ids[at])
    return meshes.tinted(colour / colour.new_tensor(GREY[:3]))


def _draw(meshes: Instances, camera: Camera, look: _Look, drawn: _Drawn) -> Tensor:
    """Draw in place; return the greatest and the least nearness in each frame [F,2] 1/m, NaN where
    nobody is seen."""
    size, frames = drawn.canvas.size, len(drawn.nearness)
    pixels = size[0] * size[1]
    seen = drawn.nearness.new_full((frames, 2), torch.nan)
    for at in batches([meshes], camera, frames, size, look.samples):
        scene = scene_of([meshes], camera, at, size, look.samples)
        if scene is None:
            continue
        place, colour, facing, nearness, covered = _pixels(scene, look)
        here = drawn.part(at.start, at.stop)
        image = here.canvas.image.view(-1, 3)
        behind = image.index_select(0, place) * (1 - covered[:, None] * look.opacity)
        image[place] = behind.add_(colour, alpha=look.opacity)
        here.canvas.mask.view(-1)[place] = covered
        here.normals.view(-1, 3)[place] = facing
        here.nearness.view(-1)[place] = nearness
        # Of edges the mean over what is covered, as that is what is there.
        frame, near = place // pixels, nearness / covered
        ends = seen[at]
        for column, how in enumerate(("amax", "amin")):
            ends[:, column] = ends[:, column].scatter_reduce(
                0, frame, near, how, include_self=False
            )
    return seen


def _pixels(scene: Scene, look: _Look) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the pixels [U] of the flattened pictures in which a body is seen, and there the colour
    and the normal [U,3], the nearness 1/m and the part that is covered [U], means of the samples.
    """
    hits = scene.raster.nearest()
    normals = scene.normals(hits)
    colour = scene.surface.colours_at(hits, scene.raster)[:3]
    colour = (colour * scene.surface.light_at(hits, normals, Light())).clamp_(max=1)
    facing = normals.mul_(look.signs).add_(1).mul_(0.5)
    pixels = Pixels.of(scene.raster, hits.slot)
    one = torch.ones_like(hits.depth)[None]
    means = pixels.mean(torch.cat([colour, facing, hits.depth.reciprocal()[None], one]))
    return pixels.place, means[:3].T, means[3:6].T, means[6], means[7]
