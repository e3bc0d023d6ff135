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
    picture = torch.from_numpy(np.asarray(Image.open(_PICTURE).convert("RGB")).copy())
    people = picture.movedim(-1, 0)[None] / 255
    size = (shape[2], shape[3])
    images[-1:] = interpolate(people, size=size, mode="bilinear", antialias=True)
    return images
