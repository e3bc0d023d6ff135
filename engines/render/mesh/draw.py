"""Draw meshes over pictures, in batches."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...errors import InputError
from ...geometry.camera import Camera
from ...geometry.placement import Size
from ..canvas import Canvas
from .batches import batches
from .instances import Instances
from .layers import Scene
from .light import Light
from .pixels import Pixels
from .spans import PATTERNS

SAMPLES = 4  # per pixel


def draw_meshes(
    parts: Sequence[Instances],
    camera: Camera,
    frames: int,
    *,
    light: Light | None = None,
    size: Size | None = None,
    fit: str = "stretch",
    footage: Tensor | None = None,
    samples: int = SAMPLES,
    progress: Callable[[int], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw meshes, lit and textured, over footage or black.

    parts:    what is drawn, and what hides it; one for each mesh
    camera:   of the pictures that the instances were found in; of one frame or of all
    frames:   how many pictures
    light:    None: `Light()`
    size:     height, width of the pictures; None = the camera's
    fit:      how the camera's picture is brought to another size; see `scale_and_shift`
    footage:  [F,H,W,3] or [1,H,W,3] 0..1 to draw over; None = black
    samples:  per pixel, for antialiasing: 1 (none), 4, 8 or 16
    progress: called with the number of frames done since the last call

    Returns IMAGE [F,H,W,3] and MASK [F,H,W], the part of each pixel that the meshes cover, which
    is also the alpha of the image drawn on black; both on the device of the meshes. Raises
    `InputError` for an unknown choice, for frames that do not fit each other, and for more
    triangles than memory holds.
    """
    canvas = prepared(parts, camera, frames, samples, size=size, fit=fit, footage=footage)
    light = light or Light()
    camera = camera.fitted(canvas.size, fit)
    for at in batches(parts, camera, frames, canvas.size, samples):
        scene = scene_of(parts, camera, at, canvas.size, samples, whole=at == slice(0, frames))
        if scene is not None:
            _draw(scene, light, canvas.image[at], canvas.mask[at])
        if progress is not None:
            progress(at.stop - at.start)
    return canvas.image, canvas.mask


def check_samples(samples: int) -> None:
    """Raise `InputError` for a number of samples per pixel that is none of `PATTERNS`."""
    if samples not in PATTERNS:
        raise InputError(
            f"samples: expected {', '.join(map(str, PATTERNS))} per pixel, found {samples}"
        )


def prepared(
    parts: Sequence[Instances],
    camera: Camera,
    frames: int,
    samples: int,
    *,
    size: Size | None,
    fit: str,
    footage: Tensor | None = None,
) -> Canvas:
    """Return the pictures to draw on. Raises `InputError` for frames that do not fit each other,
    and for another number of samples than one of `PATTERNS`."""
    check_samples(samples)
    if not parts:
        raise InputError("meshes: expected at least one, found none")
    device = parts[0].vertices.device
    taken = [part for part in parts if len(part.frame)]
    # One wait for a GPU for all of them.
    last = torch.stack([part.frame.max().to(device) for part in taken]).tolist() if taken else []
    for part in parts:
        if part.vertices.device != device:
            raise InputError(
                f"{part.mesh.name}: expected it on {device} as {parts[0].mesh.name}, "
                f"found it on {part.vertices.device}"
            )
    for part, frame in zip(taken, last, strict=True):
        if frame >= frames:
            raise InputError(f"{part.mesh.name}: expected frames 0 to {frames - 1}, found {frame}")
    if camera.frame_count not in (1, frames):
        raise InputError(
            f"camera: expected values for one frame or for {frames}, found {camera.frame_count}"
        )
    return Canvas.of(frames, camera.size, size, fit=fit, footage=footage, device=device)


def scene_of(
    parts: Sequence[Instances],
    camera: Camera,
    at: slice,
    size: Size,
    samples: int,
    *,
    whole: bool = False,
) -> Scene | None:
    """Return what is to be drawn in some of the frames; None: nothing.

    whole: whether they are all
    """
    chosen = list(parts) if whole else [part.within(at.start, at.stop) for part in parts]
    chosen = [part for part in chosen if len(part.frame)]
    if all(part.occluder for part in chosen):
        return None
    return Scene(chosen, camera.slice(at.start, at.stop), at.stop - at.start, size, samples)


def seen(scene: Scene, light: Light) -> tuple[Tensor, Tensor]:
    """Return the pixels [U] of the flattened pictures in which something is seen, and its red,
    green, blue, alpha [U,4] there, colours multiplied by alpha."""
    total: Tensor | None = None  # [4,P * N]: of the layers so far
    for layer in scene.layers():
        slot, colour = layer.hits.slot, layer.colour
        colour[:3] *= scene.light(layer.hits, light)
        # A tint may be brighter than white; colours are multiplied by alpha.
        torch.minimum(colour[:3], colour[3:], out=colour[:3])
        if not scene.translucent:
            break
        if total is None:
            total = colour.new_zeros(4, len(scene.raster.no_keys()))
        total[:, slot] += colour * (1 - total[3, slot])
    if total is not None:
        slot = (total[3] > 0).nonzero().squeeze(1)
        colour = total.index_select(1, slot)
    pixels = Pixels.of(scene.raster, slot)
    return pixels.place, pixels.mean(colour).T


def _draw(scene: Scene, light: Light, image: Tensor, mask: Tensor) -> None:
    """Draw over `image` [F,H,W,3] and add to `mask` [F,H,W], in place."""
    place, mean = seen(scene, light)
    flat = image.view(-1, 3)
    rgb, alpha = mean.split([3, 1], 1)
    flat[place] = torch.addcmul(rgb, flat.index_select(0, place), 1 - alpha)
    mask.view(-1)[place] = alpha.squeeze(1)
