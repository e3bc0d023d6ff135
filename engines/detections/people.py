"""The picture of people on which engines are compared with the reference."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from ..runtime.probe import smooth_noise

# Two people of the shipped clip, see NOTICE.
_PICTURE = Path(__file__).parent / "people.jpg"


def with_people(shape: Sequence[int]) -> Tensor:
    """Return images [N,3,H,W] RGB in 0..1: smooth noise, and as the last one two people."""
    images = smooth_noise(shape)
    images[-1:] = _resized(_people(), shape)
    return images


def of_one_person(shape: Sequence[int]) -> Tensor:
    """Return images [N,3,H,W] RGB in 0..1, each of one of two people in turn.

    For networks that look at one person in a crop: what they say of noise means nothing, and
    rounding changes it by more.
    """
    people = _people()
    side = people.shape[-2]
    crops = torch.cat([people[..., :side], people[..., -side:]])
    return _resized(crops, shape)[torch.arange(shape[0]) % 2]


def _people() -> Tensor:
    """Return the picture [1,3,h,w], which is less than twice as wide as high."""
    picture = torch.from_numpy(np.asarray(Image.open(_PICTURE).convert("RGB")).copy())
    return picture.movedim(-1, 0)[None] / 255


def _resized(images: Tensor, shape: Sequence[int]) -> Tensor:
    return interpolate(images, size=(shape[2], shape[3]), mode="bilinear", antialias=True)
