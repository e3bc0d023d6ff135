"""Depth, normals and silhouettes of meshes, as control images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import InputError
from ...geometry.camera import Camera
from ...geometry.placement import Size
from ..choices import NORMAL_AXES
from .batches import batches
from .draw import SAMPLES, prepared, scene_of
from .instances import Instances
from .pixels import Pixels

SCALES = ("inverse", "linear")
# What x, y, z of a normal with y up and z towards the camera are multiplied by.
_SIGNS = {"bae": (-1.0, 1.0, 1.0), "opengl": (1.0, 1.0, 1.0)}
_FARTHEST_SEEN = 0.1  # grey


@dataclass(frozen=True)
class MeshControls:
    """Pictures of the meshes' shape, antialiased; the background is black in all three.

    depth:      [F,H,W,3] 1 at `nearest` and closer, 0 at `farthest`, beyond, and on the background
    normals:    [F,H,W,3] unit normals n as (n + 1) / 2
    silhouette: [F,H,W] MASK, the part of each pixel that the meshes cover
    nearest, farthest: z, in the unit of the vertices, that `depth` reaches from and to
    """

    depth: Tensor
    normals: Tensor
    silhouette: Tensor
    nearest: float
    farthest: float


def draw_controls(
    parts: Sequence[Instances],
    camera: Camera,
    frames: int,
    *,
    nearest: float = 0.0,
    farthest: float = 0.0,
    scale: str = "inverse",
    convention: str = "bae",
    size: Size | None = None,
    fit: str = "stretch",
    samples: int = SAMPLES,
    progress: Callable[[int], None] | None = None,
) -> MeshControls:
    """Draw depth, normals and silhouettes of what `draw_meshes` would draw.

    nearest, farthest: z of white and of black, in the unit of the vertices; 0: the least that is
                seen in these frames, and what makes the greatest a dark grey (0.1), apart from the
                background. Give both for a clip in several chunks
    scale:      inverse: even in 1 / z, as the depth of MiDaS and Depth Anything, which ControlNet
                and VACE were trained with. linear: even in z
    convention: of normals in red, green, blue. bae: left, up and towards the camera, as NormalBae
                and DSINE give them to ControlNet. opengl: right, up and towards the camera
    parts, camera, frames, size, fit, samples, progress: see `draw_meshes`

    Surfaces less than half opaque are left out. Raises `InputError` for an unknown choice, for
    depths that are not in order, and for what `draw_meshes` raises it.
    """
    for name, found, known in (
        ("scale", scale, SCALES),
        ("convention", convention, NORMAL_AXES),
    ):
        if found not in known:
            raise InputError(f"{name}: expected one of {', '.join(known)}, found {found[:40]!r}")
    if not (0 <= nearest < float("inf") and 0 <= farthest < float("inf")) or (
        0 < farthest <= nearest
    ):
        raise InputError(
            "depth: expected 0 <= nearest < farthest, or 0 to measure one, "
            f"found nearest {nearest}, farthest {farthest}"
        )
    canvas = prepared(parts, camera, frames, samples, size=size, fit=fit)
    camera = camera.fitted(canvas.size, fit)
    signs = normal_signs(convention, camera).to(canvas.image)
    normals = torch.zeros_like(canvas.image)
    depths: list[tuple[Tensor, Pixels, Tensor]] = []
    for at in batches(parts, camera, frames, canvas.size, samples):
        scene = scene_of(parts, camera, at, canvas.size, samples)
        if scene is not None:
            hits = scene.first()
            pixels = Pixels.of(scene.raster, hits.slot)
            place = pixels.place + at.start * canvas.size[0] * canvas.size[1]
            facing = (scene.normals(hits) * signs + 1) / 2
            seen = pixels.mean(torch.cat([facing, torch.ones_like(facing[:1])]))
            normals.view(-1, 3)[place] = seen[:3].T.clamp(0, 1)
            canvas.mask.view(-1)[place] = seen[3]
            depths.append((place, pixels, hits.depth))
        if progress is not None:
            progress(at.stop - at.start)
    low, high = _ends([z for _, _, z in depths], nearest, farthest, scale)
    for place, pixels, z in depths:
        grey = pixels.mean(_grey(z, low, high, scale)[None])
        canvas.image.view(-1, 3)[place] = grey.T.expand(-1, 3)
    return MeshControls(canvas.image, normals, canvas.mask, low, high)


def normal_signs(convention: str, camera: Camera) -> Tensor:
    """Return what a normal [3,H] in the axes of a camera is multiplied by for a picture [3,1]."""
    signs = torch.tensor(_SIGNS[convention])[:, None]
    if camera.axes == "y_down":
        signs = signs * torch.tensor([1.0, -1.0, -1.0])[:, None]
    return signs


def _ends(depths: list[Tensor], nearest: float, farthest: float, scale: str) -> tuple[float, float]:
    """Return the depths of white and of black: as given, or measured where 0."""
    ends = [torch.stack(z.aminmax()) for z in depths if len(z)]
    if ends and not (nearest and farthest):
        least, most = torch.stack(ends).unbind(1)
        nearest = nearest or float(least.min())
        farthest = farthest or _behind(nearest, float(most.max()), scale)
    nearest = nearest or min(1.0, farthest / 2 or 1.0)  # where nothing is seen
    # Where all is at one depth, or nearer than it may be, it is white.
    return nearest, farthest if farthest > nearest else 2 * nearest


def _behind(nearest: float, seen: float, scale: str) -> float:
    """Return the depth of black that makes `seen` a dark grey; perhaps infinity."""
    more = _FARTHEST_SEEN / (1 - _FARTHEST_SEEN)
    if scale == "linear":
        return seen + (seen - nearest) * more
    inverse = 1 / seen - (1 / nearest - 1 / seen) * more
    return 1 / inverse if inverse > 0 else float("inf")


def _grey(z: Tensor, nearest: float, farthest: float, scale: str) -> Tensor:
    if scale == "inverse":
        part = (1 / z - 1 / farthest) / (1 / nearest - 1 / farthest)
    else:
        part = (farthest - z) / (farthest - nearest)
    return part.clamp(0, 1)
