"""Light of the picture: tints that fit meshes into footage."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...checks import check_frames
from ...errors import InputError
from ...geometry.camera import Camera
from ...geometry.placement import Size
from .instances import Instances
from .soup import boxes

_POINTS = 24  # per side of the grid of places sampled around an instance
_WIDER = 1.3  # of its box, so that what is beside it counts, too
_MIDDLE = 0.45  # brightness of well-exposed surroundings of a face
_DARKEST, _BRIGHTEST = 0.2, 1.25
_CAST = 0.5  # how much of the picture's colour cast a surface takes on
_LUMA = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True)
class Tone:
    """How bright and of what colour the light on an instance is.

    brightness: [N] mean luma 0..1 of the picture round it
    cast:       [N,3] the mean colour of its whole frame, divided by its luma
    """

    brightness: Tensor
    cast: Tensor

    def tint(self, strength: float = 1.0) -> Tensor:
        """Return factors [N,3] of colours, 0.2 to 1.25 times half the cast; strength 0: ones.

        A mesh keeps its colours where the picture round it has a mean luma of 0.45 and its frame
        is grey on average. Raises `InputError` for a strength outside 0..1.
        """
        if not 0 <= strength <= 1:
            raise InputError(f"tone: expected a strength in 0..1, found {strength}")
        gain = (self.brightness / _MIDDLE).clamp(_DARKEST, _BRIGHTEST)[:, None]
        return (gain * (1 + (self.cast - 1) * _CAST)) ** strength


def picture_tone(instances: Instances, camera: Camera, footage: Tensor) -> Tone:
    """Measure the light on each instance in `footage` [F,H,W,3] or [1,H,W,3], the camera's frames
    at any size.

    Single frames are measured by themselves: smooth the tones of a track where light flickers.
    Raises `InputError` for footage that is not an IMAGE or too short.
    """
    check_frames("footage", footage)
    frame = instances.frame
    if len(footage) > 1 and len(frame) and int(frame.max()) >= len(footage):
        raise InputError(
            f"footage: expected at least {int(frame.max()) + 1} frames, found {len(footage)}"
        )
    device = instances.vertices.device
    used = frame if len(footage) > 1 else torch.zeros_like(frame)
    pictures = footage.to(device)
    grid = _grid(boxes(instances, camera), camera.size).flatten(1, 2)  # [N,S,2] in -1..1
    height, width = footage.shape[1:3]
    side = torch.tensor([width, height], device=device)
    at = ((grid + 1) / 2 * side).floor().long()
    at = torch.minimum(at.clamp(min=0), side - 1)
    colours = pictures[used[:, None], at[..., 1], at[..., 0]]  # [N,S,3]
    luma = pictures.new_tensor(_LUMA)
    small = F.adaptive_avg_pool2d(pictures.movedim(-1, 1), 1).flatten(1)[used]  # [N,3]
    cast = (small + 0.02) / ((small + 0.02) * luma).sum(1, keepdim=True)
    return Tone((colours * luma).sum(2).mean(1), cast)


def tinted(
    parts: Sequence[Instances], camera: Camera, footage: Tensor, strength: float = 1.0
) -> list[Instances]:
    """Return the instances with the tone of the picture; occluders as they are."""
    return [
        part if part.occluder else part.tinted(picture_tone(part, camera, footage).tint(strength))
        for part in parts
    ]


def _grid(boxes: Tensor, size: Size) -> Tensor:
    """Return places [N,S,S,2] in -1..1 of the picture: evenly in boxes grown and cut at its
    edges."""
    low, high = boxes.split(2, 1)
    half = (high - low) / 2 * _WIDER
    limit = boxes.new_tensor([size[1], size[0]])
    low, high = (
        torch.minimum(((low + high) / 2 + sign * half).clamp(min=0), limit) for sign in (-1, 1)
    )
    part = (torch.arange(_POINTS, device=boxes.device) + 0.5) / _POINTS
    x = low[:, :1] + (high - low)[:, :1] * part
    y = low[:, 1:] + (high - low)[:, 1:] * part
    grid = torch.stack(
        [x[:, None].expand(-1, _POINTS, -1), y[:, :, None].expand(-1, -1, _POINTS)], -1
    )
    return grid / limit * 2 - 1
