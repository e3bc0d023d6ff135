"""A camera's path as the embedding that Wan's camera models take: the ray of every pixel."""

import torch
from torch import Tensor

from ..errors import InputError
from ..flow.turning import Turning
from ..geometry.rotations import slerp, to_matrices, to_quaternions
from ..memory import shortage
from .choices import ZOOMS
from .target import check_length, fitting_length

_STEP = 4  # frames of one of the latent


def camera_embedding(
    camera: Turning,
    *,
    size: tuple[int, int] | None = None,
    length: int = 0,
    zoom: str = "lens",
) -> Tensor:
    """Return the Pluecker embedding [1,24,(L-1)/4+1,H,W] float32 of a camera.

    size:   height and width in px of the video to generate; None: the footage's
    length: its frames, 4n + 1, over which the path is spread; 0: the largest that the clip has
    zoom:   lens: as a change of the focal length. dolly: as a move forward, in units of the
            distance of the scene, which is not known

    Of every pixel and frame: origin x direction, direction of the ray, in the axes of the first
    camera. The first frame counts four times; four frames each are 24 channels. Raises `InputError`
    for a length of another kind, an unknown zoom, and what does not fit into memory.
    """
    if zoom not in ZOOMS:
        raise InputError(f"zoom: expected one of {', '.join(ZOOMS)}, found {zoom!r}")
    frames = len(camera.zoom)
    length = length or fitting_length(frames, "wan_move")
    check_length(length, "wan_move")
    height, width = size or camera.size
    latents = (length - 1) // _STEP + 1
    if lacking := shortage(latents * 24 * height * width * 4):
        raise InputError(f"camera: {length} frames of {width}x{height} need {lacking}; use less")
    turns, zooms = _at_times(camera, torch.linspace(0, frames - 1, length, dtype=torch.float64))
    origin = torch.zeros(length, 3, dtype=torch.float64)
    focal = torch.full((length,), camera.focal, dtype=torch.float64)
    if zoom == "lens":
        focal = focal * zooms
    else:
        steps = -(1 / zooms).diff()[:, None] * turns[:-1, :, 2]  # forward, as distances shrink
        origin[1:] = steps.cumsum(0)
    x = (torch.arange(width) + 0.5 - width / 2) * (camera.size[1] / width)
    y = (torch.arange(height) + 0.5 - height / 2) * (camera.size[0] / height)
    out = torch.empty(1, 6, _STEP, latents, height, width)
    for latent in range(latents):  # a whole clip of rays at once would take the memory twice
        last = latent * _STEP
        rows = torch.arange(last - _STEP + 1, last + 1).clamp(min=0)
        out[0, :, :, latent] = _rays(turns[rows], origin[rows], focal[rows], x, y)
    return out.flatten(1, 2)


def _rays(turns: Tensor, origin: Tensor, focal: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return [6,n,H,W]: moment and direction of the rays of n cameras."""
    count, high, wide = len(focal), len(y), len(x)
    across = (x / focal[:, None].float())[:, None].expand(count, high, wide)
    down = (y / focal[:, None].float())[..., None].expand(count, high, wide)
    ray = torch.stack([across, down, torch.ones_like(across)], -1)
    ray = torch.nn.functional.normalize(ray, dim=-1)
    ray = torch.einsum("nij,nhwj->nhwi", turns.float(), ray)
    moment = torch.linalg.cross(origin.float()[:, None, None].expand_as(ray), ray, dim=-1)
    return torch.cat([moment, ray], -1).movedim(-1, 0)


def _at_times(camera: Turning, times: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rotations [L,3,3] and zooms [L] at times in frames."""
    last = len(camera.zoom) - 1
    low = times.floor().long().clamp(max=last)
    high = (low + 1).clamp(max=last)
    part = (times - low)[:, None]
    turns = to_quaternions(camera.to_world)
    zooms = camera.zoom.log()
    between = zooms[low] + (zooms[high] - zooms[low]) * part[:, 0]
    return to_matrices(slerp(turns[low], turns[high], part)), between.exp()
