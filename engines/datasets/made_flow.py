"""Synthetic footage with known motion: textures that shift, turn, grow and cover each other.

Each frame samples the textures bicubically at the places that the motion gives, so that motions
need not be whole pixels. The textures have no detail finer than frames can show.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_shape
from ..errors import InputError
from ..evaluation.flow import Truth

Size = tuple[int, int]  # height, width

DATASET = "made"
NOISE = "noise"  # the name of footage whose texture is noise

_TILE = 1024  # px, side of a noise texture, which repeats
_DENSITY = 2  # px of the texture per px of the frames
_FINEST, _COARSEST = 1 / 4, 1 / 256  # cycles per px of the frames
_CONTRAST = 0.18  # standard deviation of its colours
_COLOUR = 0.5  # strength of noise per channel; that of the noise common to all is 1
_MARGIN = 2  # px that bicubic interpolation reads beyond a point


@dataclass(frozen=True)
class Layer:
    """A texture and how it moves from frame to frame, about the middle of the picture.

    move:  px right and down
    turn:  degrees, clockwise as seen
    grow:  factor
    shear: px right for each px down
    part:  the ellipse that it fills in the first frame: x and y of its middle from that of the
           picture, then its half axes, all as parts of the height; None: everything
    """

    move: tuple[float, float] = (0.0, 0.0)
    turn: float = 0.0
    grow: float = 1.0
    shear: float = 0.0
    part: tuple[float, float, float, float] | None = None

    @property
    def matrix(self) -> Tensor:
        """[3,3] float64: x, y, 1 from the middle of the picture, to the same in the next frame."""
        cos, sin = (f(math.radians(self.turn)) * self.grow for f in (math.cos, math.sin))
        turned = torch.tensor([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], dtype=torch.float64)
        sheared = torch.eye(3, dtype=torch.float64)
        sheared[0, 1] = self.shear
        moved = torch.eye(3, dtype=torch.float64)
        moved[:2, 2] = torch.tensor(self.move, dtype=torch.float64)
        return moved @ turned @ sheared


@dataclass(frozen=True)
class Scene:
    """layers: from back to front; the first fills the picture. noise: standard deviation of the
    noise, new in every frame, for colours in 0..1."""

    layers: tuple[Layer, ...]
    noise: float = 0.0


_ELLIPSE = (-0.2, 0.03, 0.22, 0.3)
SCENES = {
    "still": Scene((Layer(),), noise=0.01),
    "shift": Scene((Layer(move=(5, -3)),)),
    "shift_subpixel": Scene((Layer(move=(0.35, -0.6)),)),
    "shift_fast": Scene((Layer(move=(23.5, 9.25)),)),
    "turn": Scene((Layer(turn=4),)),
    "zoom_in": Scene((Layer(grow=1.05),)),
    "zoom_out": Scene((Layer(grow=0.96),)),
    "affine": Scene((Layer(move=(2, -1), turn=1, grow=1.01, shear=0.04),)),
    "layers": Scene((Layer(move=(-2.5, 0.5)), Layer(move=(7.25, -3.5), turn=2, part=_ELLIPSE))),
    "layers_fast": Scene((Layer(move=(3, 1)), Layer(move=(44, 6), part=_ELLIPSE))),
}


def make(
    name: str,
    *,
    size: Size = (384, 512),
    frames: int = 2,
    picture: Tensor | None = None,
    seed: int = 0,
) -> tuple[Tensor, Truth]:
    """Make the frames [F,H,W,3] 0..1 of one of the `SCENES`, and their motion, known everywhere.

    picture: [h,w,3] 0..1 for the texture, mirrored where it ends; None: noise with the spectrum of
             natural pictures (amplitudes as 1/f: Field, JOSA A 4, 1987)
    seed:    seed of everything random; the same seed gives the same footage

    A pixel is occluded when it leaves the picture or another layer covers it in the next frame.
    Raises `InputError` for an unknown scene, fewer than two frames, and sides below 16 px.
    """
    if name not in SCENES:
        raise InputError(f"scene: expected one of {', '.join(SCENES)}, found {name!r}")
    if frames < 2 or min(size) < 16:
        raise InputError(
            f"footage: expected at least 2 frames of 16x16, found {frames} of {size[1]}x{size[0]}"
        )
    scene = SCENES[name]
    points = _points(size)  # [H,W,2]
    motions = torch.stack([layer.matrix for layer in scene.layers])  # [L,3,3]
    back = _ways_back(motions, frames)
    first = _applied(back[:, :, None], points)  # [L,F,H,W,2]: where points were in the first frame
    cover = _covers(scene, first, size[0])
    clip = torch.zeros(frames, *size, 3)
    for number, places in enumerate(first):
        colours = _sampled(_texture(number, picture, seed), places)
        clip += (colours - clip) * cover[number, ..., None]
    if scene.noise:
        random = torch.Generator().manual_seed(seed)
        clip += torch.randn(clip.shape, generator=random) * scene.noise
    flow, occluded = _truth(scene, motions, back, cover, points)
    truth = Truth(DATASET, name, flow, torch.ones_like(occluded), occluded)
    return clip.clamp_(0, 1), truth


def true_tracks(name: str, *, size: Size, frames: int, points: Tensor) -> tuple[Tensor, Tensor]:
    """Return where points [N,2] of the first frame of a scene are in each frame, [F,N,2] x, y px
    from the corner of the picture, and whether they were visible all the way, [F,N] bool.

    Raises `InputError` for an unknown scene.
    """
    if name not in SCENES:
        raise InputError(f"scene: expected one of {', '.join(SCENES)}, found {name!r}")
    scene = SCENES[name]
    motions = torch.stack([layer.matrix for layer in scene.layers])  # [L,3,3]
    ways = torch.stack([torch.linalg.matrix_power(motions, i) for i in range(frames)], 1)
    half = points.new_tensor([size[1], size[0]]).double() / 2
    start = points.double() - half
    own = _front(_covers(scene, start.expand(len(motions), -1, -1), size[0]))  # [N]
    numbers = torch.arange(len(points))
    path = _applied(ways, start).transpose(1, 2)[own, numbers].transpose(0, 1)  # [F,N,2]
    cover = _covers(scene, _applied(_ways_back(motions, frames), path), size[0])  # [L,F,N]
    shown = (_front(cover) == own) & (path.abs() < half).all(-1)
    return (path + half).float(), shown.int().cumprod(0).bool()


@lru_cache(4)
def noise_texture(seed: int) -> Tensor:
    """Return a seamless texture [S,S,3] 0..1; `_DENSITY` of its px are one px of the frames."""
    random = torch.Generator().manual_seed(seed)
    shared, *own = torch.randn(4, _TILE, _TILE, generator=random)
    white = shared + torch.stack(own) * _COLOUR
    down = torch.fft.fftfreq(_TILE)[:, None] * _DENSITY
    right = torch.fft.rfftfreq(_TILE) * _DENSITY
    cycles = torch.hypot(down, right)
    kept = (cycles >= _COARSEST) & (cycles <= _FINEST)
    amplitude = torch.where(kept, 1 / cycles.clamp(min=_COARSEST), 0.0)
    image = torch.fft.irfft2(torch.fft.rfft2(white) * amplitude, (_TILE, _TILE))
    image = image / image.std((1, 2), keepdim=True) * _CONTRAST + 0.5
    colours: Tensor = image.movedim(0, -1).clamp(0, 1)
    return colours


def picture_texture(picture: Tensor) -> Tensor:
    """Return a picture [h,w,3] as a seamless texture [2h,2w,3], without the finest detail."""
    image = picture.movedim(-1, 0)[None].float()
    image = F.pad(image, (1, 1, 1, 1), mode="replicate")
    kernel = torch.tensor([0.25, 0.5, 0.25])  # removes what repeats every two px
    kernel = (kernel[:, None] * kernel).expand(3, 1, 3, 3)
    image = F.conv2d(image, kernel, groups=3)[0].movedim(0, -1)
    image = torch.cat([image, image.flip(0)], 0)
    return torch.cat([image, image.flip(1)], 1)


def _texture(number: int, picture: Tensor | None, seed: int) -> tuple[Tensor, int]:
    """Return the texture of a layer, and its px per px of the frames."""
    if picture is None:
        return noise_texture(seed + number), _DENSITY
    check_shape("picture", picture, ("height", "width", 3))
    height, width, _ = picture.shape
    # Centred on the picture; further layers show other places in other colours.
    shift = (-(height // 2), -(width // 2) - number * (width // 5), number)
    return picture_texture(picture).roll(shift, (0, 1, 2)), 1


def _points(size: Size) -> Tensor:
    """Return x, y of every pixel from the middle of the picture, [H,W,2] float64."""
    y, x = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2 for side in size)
    return torch.stack([x.expand(size), y[:, None].expand(size)], -1)


def _ways_back(motions: Tensor, frames: int) -> Tensor:
    """Return the matrices from frame i to the first, [L,3,3] -> [L,F,3,3]."""
    inverse = torch.linalg.inv(motions)
    return torch.stack([torch.linalg.matrix_power(inverse, i) for i in range(frames)], 1)


def _applied(matrices: Tensor, points: Tensor) -> Tensor:
    """Apply matrices [...,1,3,3] to points [...,H,W,2]."""
    turned = points @ matrices[..., :2, :2].transpose(-1, -2)
    return turned + matrices[..., None, :2, 2]


def _covers(scene: Scene, first: Tensor, height: int) -> Tensor:
    """Return how much of each pixel each layer covers [L,...], for points [L,...,2] of the first
    frame."""
    covers = []
    for layer, places in zip(scene.layers, first, strict=True):
        if layer.part is None:
            covers.append(torch.ones(places.shape[:-1]))
            continue
        x, y, wide, high = (value * height for value in layer.part)
        away = places - places.new_tensor([x, y])
        beyond = (away / away.new_tensor([wide, high])).norm(dim=-1) - 1
        edge = beyond * min(wide, high)  # px, near the edge
        covers.append((0.5 - edge).clamp(0, 1).float())
    return torch.stack(covers)


def _sampled(texture: tuple[Tensor, int], places: Tensor) -> Tensor:
    """Return colours [F,H,W,3] of a seamless texture at places [F,H,W,2] px of the frames."""
    image, density = texture
    sides = torch.tensor([image.shape[1], image.shape[0]], dtype=places.dtype)
    inside = torch.remainder(places * density, sides) + _MARGIN
    grid = (2 * inside + 1) / (sides + 2 * _MARGIN) - 1
    padded = F.pad(image.movedim(-1, 0)[None], (_MARGIN,) * 4, mode="circular")
    padded = padded.expand(len(places), -1, -1, -1)
    colours = F.grid_sample(padded, grid.float(), mode="bicubic", align_corners=False)
    return colours.movedim(1, -1)


def _truth(
    scene: Scene, motions: Tensor, back: Tensor, cover: Tensor, points: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the flow [N,2,H,W] px of the front layer, and where it is hidden in the next
    frame."""
    height, width = points.shape[:2]
    flows = _applied(motions[:, None], points) - points  # [L,H,W,2]
    front = _front(cover)[:-1]  # [N,H,W]
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    flow = flows[front, rows, columns]  # [N,H,W,2]
    ends = points + flow
    there = _covers(scene, _applied(back[:, 1:, None], ends), height)  # in the next frame
    limits = points[-1, -1] + 1e-9  # rounding moves nothing out of the picture
    occluded = (_front(there) != front) | (ends.abs() > limits).any(-1)
    return flow.movedim(-1, 1).float().contiguous(), occluded


def _front(cover: Tensor) -> Tensor:
    """Return the foremost layer that covers at least half of a pixel, [L,...] -> [...]."""
    numbers = torch.arange(len(cover)).view(-1, *[1] * (cover.ndim - 1))
    return torch.where(cover >= 0.5, numbers, 0).amax(0)
