"""Textures, shapes and noise that are made once and that pairs are put together from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..backgrounds import Backgrounds
from ..seeded import normal
from .people import People
from .shapes import SHAPES
from .textures import TEXTURES

WINDOW = 1.25  # of the shapes' units, from the middle to the edge of what is stored
_STREAM = 10
_LEAST_CONTRAST = 0.1  # standard deviation of a texture's brightness
_AT_ONCE = 16  # textures
_BLUR = (0.12, 0.76, 0.12)  # halves what repeats every two px and can hardly be resolved


class _Shared(Protocol):
    @property
    def share(self) -> float: ...


_Family = TypeVar("_Family", bound=_Shared)


@dataclass(frozen=True)
class Bank:
    """textures: [T,3,S,S] float16 0..1, which continue mirrored
    shapes:   [U,1,Q,Q], signed distances in units of the shape from -`WINDOW` to `WINDOW`
    noise:    [2,3,B,B], seamless, standard deviation 1: white, and as coarse as video's
    people:   in two poses each
    """

    textures: Tensor
    shapes: Tensor
    noise: Tensor
    people: People

    @classmethod
    def made(
        cls,
        *,
        textures: int,
        shapes: int,
        people: int,
        motion: float,
        side: int,
        photographs: Backgrounds,
        seed: int,
        device: torch.device,
    ) -> "Bank":
        """Make a bank of about so many textures of `side` px and shapes, by the shares of their
        families, at least one of each, and so many
        people, whose poses change by `motion` times what they do by themselves."""
        made = [
            family.make(part, side, seed, photographs).half()
            for family, numbers in _shared_out(TEXTURES, textures, device)
            for part in numbers.split(_AT_ONCE)
        ]
        axis = (torch.arange(side // 2, device=device) + 0.5) * (4 * WINDOW / side) - WINDOW
        points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"))
        outlines = [
            family.make(numbers, points, seed)
            for family, numbers in _shared_out(SHAPES, shapes, device)
        ]
        covers = torch.cat([_resolvable(part) for part in made])
        return cls(
            textures=covers,
            people=People.made(people, covers, seed, motion),
            shapes=torch.cat(outlines)[:, None].contiguous(),
            noise=_noise(max(256, side), seed, device),
        )


def _shared_out(
    families: Sequence[_Family], count: int, device: torch.device
) -> list[tuple[_Family, Tensor]]:
    """Return each family with the numbers [n] of its members."""
    total = sum(family.share for family in families)
    return [
        (family, torch.arange(max(1, round(count * family.share / total)), device=device))
        for family in families
    ]


def _resolvable(textures: Tensor) -> Tensor:
    """Return textures without detail too fine for frames, and with some contrast at least."""
    image = textures.float()
    for dim in (-1, -2):
        before, after = (image.roll(by, dim) for by in (1, -1))
        # Mirrored at the edges, like everything that is sampled beyond them.
        size = image.shape[dim]
        before.narrow(dim, 0, 1).copy_(image.narrow(dim, 0, 1))
        after.narrow(dim, size - 1, 1).copy_(image.narrow(dim, size - 1, 1))
        image = _BLUR[0] * before + _BLUR[1] * image + _BLUR[2] * after
    mean = image.mean((2, 3), keepdim=True)
    contrast = image.mean(1, keepdim=True).std((2, 3), keepdim=True)
    grown = (_LEAST_CONTRAST / contrast.clamp(min=1e-3)).clamp(min=1, max=4)
    return (mean + (image - mean) * grown).clamp(0, 1).half()


def _noise(side: int, seed: int, device: torch.device) -> Tensor:
    numbers = torch.arange(2, device=device)
    white, fine = normal(seed, numbers, 3 * side * side, _STREAM).view(2, 1, 3, side, side)
    coarse = F.avg_pool2d(F.pad(fine, (1, 1, 1, 1), mode="circular"), 3, 1)
    # Chroma of video is coarser and weaker than luma: what all channels share weighs more.
    coarse = coarse.mean(1, keepdim=True) * 1.5 + 0.4 * coarse
    return torch.cat([white, coarse / coarse.std()])
