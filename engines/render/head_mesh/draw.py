"""Draw what heads wear over the frames that they were found in."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...checks import check_frames
from ...errors import InputError
from ...geometry.camera import Camera
from ...head.heads import Heads
from ...words import counted
from ..mesh.batches import batches
from ..mesh.draw import SAMPLES, scene_of, seen
from ..mesh.layers import Scene
from ..mesh.light import Light
from ..mesh.tone import picture_tone
from .camera_look import Look, look_of_frames
from .grain import grain
from .heads_found import HeadsFound
from .outfit import Outfit
from .picture_light import picture_shade
from .soften import softened

_EVEN = Light(ambient=(1.0, 1.0, 1.0), directional=(0.0, 0.0, 0.0))
_VERTICES_AT_ONCE = 4_000_000
_WHITE = 0.92  # white cloth is seldom brighter in a picture
_SHARP = 0.55  # px, the blur that what is drawn has anyway
_LEAST_BLUR = 0.3  # px


@dataclass(frozen=True)
class Fit:
    """How what is drawn is fitted into the frames, each 0..1; 0: not at all.

    light:  brightness, colour and direction of the light, from the picture
    shadow: of the mesh on the face
    grain:  noise as the frame has it
    blur:   of edges as the frame has it

    Raises `InputError` for a value outside 0..1.
    """

    light: float = 1.0
    shadow: float = 0.8
    grain: float = 1.0
    blur: float = 1.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value <= 1:
                raise InputError(f"{name}: expected a strength in 0..1, found {value}")


def draw_on_heads(
    frames: Tensor,
    heads: Heads,
    outfit: Outfit,
    *,
    fit: Fit | None = None,
    samples: int = SAMPLES,
    progress: Callable[[int], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw an outfit on every head of every frame.

    frames:   [F,H,W,3] 0..1 that the heads were found in, at any size
    heads:    of the same frames
    outfit:   what they wear, on the device of the heads
    samples:  per pixel, for antialiasing: 1, 4, 8 or 16
    progress: called with the number of frames done since the last call

    Nearer heads hide farther ones. Each frame depends on nothing but itself and its heads, so that
    the frames of a chunk are those of the whole clip. Frames without heads, and pixels that
    nothing is drawn on, are returned bit for bit.

    Returns IMAGE [F,H,W,3] and MASK [F,H,W], how much of each pixel is covered, on the device of
    the heads. Raises `InputError` for frames that are not RGB in 0..1, another number of frames
    than the heads have, and settings out of range.
    """
    check_frames("image", frames)
    fit = fit or Fit()
    if len(heads) != len(frames):
        raise InputError(
            f"heads: found in {counted(len(heads), 'frame')}, but image holds {len(frames)}; "
            "connect the same frames"
        )
    size = (frames.shape[1], frames.shape[2])
    frames = frames.to(heads.device, torch.float32)
    image, mask = frames.clone(), frames.new_zeros(frames.shape[:3])
    at_once = max(1, _VERTICES_AT_ONCE // (outfit.vertices * max(1, heads.scores.shape[1])))
    for start in range(0, len(frames), at_once):
        stop = min(start + at_once, len(frames))
        here = heads.slice(start, stop)
        found = HeadsFound.of(here, landmarks=outfit.follows)
        if len(found):
            canvas = _Canvas(frames[start:stop], image[start:stop], mask[start:stop])
            _draw(canvas, found, outfit, here.camera.fitted(size), fit, samples)
        if progress is not None:
            progress(stop - start)
    return image, mask


@dataclass(frozen=True)
class _Canvas:
    """Frames [F,H,W,3] as they were, and the image [F,H,W,3] and mask [F,H,W] drawn upon."""

    frames: Tensor
    image: Tensor
    mask: Tensor

    def __getitem__(self, at: slice) -> "_Canvas":
        return _Canvas(self.frames[at], self.image[at], self.mask[at])


def _draw(
    canvas: _Canvas,
    found: HeadsFound,
    outfit: Outfit,
    camera: Camera,
    fit: Fit,
    samples: int,
) -> None:
    """Draw on the frames of `canvas`, in place."""
    frames, size = canvas.frames, (canvas.frames.shape[1], canvas.frames.shape[2])
    worn, hiding, shadow = outfit.on(found)
    if fit.light:
        shade = picture_shade(found, frames, camera)
        even = shade.new_tensor([1.0, 0.0, 0.0, 0.0])
        shade = torch.lerp(even.expand_as(shade), shade, fit.light)
        tint = picture_tone(hiding[0], camera, frames).tint(fit.light)
        tint = tint * (_WHITE / tint.amax(1, keepdim=True)).clamp(max=1)  # the cast stays
        worn = [part.lit(tint, shade) for part in worn]
    look = look_of_frames(frames, found, camera) if fit.grain or fit.blur else None
    for at in batches([*worn, *hiding], camera, len(frames), size, samples):
        here = canvas[at]
        if shadow is not None and fit.shadow:
            scene = scene_of([shadow, *hiding[1:]], camera, at, size, 1)  # soft in any case
            if scene is not None:
                _shade(scene, fit.shadow, here)
        scene = scene_of([*worn, *hiding], camera, at, size, samples)
        if scene is None:
            continue
        place, colour = seen(scene, Light())
        if look is not None:
            place, colour = _as_filmed(place, colour, look.at(at), fit, size)
        _over(place, colour, here)


def _shade(scene: Scene, strength: float, canvas: _Canvas) -> None:
    """Darken the image where the shadow lies."""
    place, colour = seen(scene, _EVEN)
    light = colour[:, :3] + (1 - colour[:, 3:])  # what is not covered gets all of it
    flat = canvas.image.view(-1, 3)
    flat[place] = flat.index_select(0, place) * (1 - strength * (1 - light))


def _as_filmed(
    place: Tensor, colour: Tensor, look: Look, fit: Fit, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Return pixels [U] and colours [U,4] with the blur and the grain of their frames."""
    if fit.blur:
        more = (look.blur.square() - _SHARP**2).clamp(min=0).sqrt() * fit.blur
        place, colour = softened(place, colour, more.where(more >= _LEAST_BLUR, 0.0), size)
    if fit.grain:
        pixels = size[0] * size[1]
        frame = place // pixels
        noise = grain(place - frame * pixels, look.seed[frame]) * look.grain[frame] * fit.grain
        alpha = colour[:, 3:]
        rgb = colour[:, :3] + noise[:, None] * alpha
        colour = torch.cat([torch.minimum(rgb.clamp(min=0), alpha), alpha], 1)
    return place, colour


def _over(place: Tensor, colour: Tensor, canvas: _Canvas) -> None:
    """Put pixels [U] with colours [U,4], multiplied by alpha, over the image and into the mask."""
    rgb, alpha = colour.split([3, 1], 1)
    flat = canvas.image.view(-1, 3)
    flat[place] = torch.addcmul(rgb, flat.index_select(0, place), 1 - alpha)
    canvas.mask.view(-1)[place] = alpha.squeeze(1)
