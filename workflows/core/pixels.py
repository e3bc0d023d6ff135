"""Pixels between pictures and tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor


def pixels_of(page: Image.Image) -> Tensor:
    """Return an 8-bit picture as [H,W] or [H,W,C], 0..1."""
    import numpy as np
    import torch

    return torch.from_numpy(np.asarray(page, dtype=np.float32) / 255.0)


def save_png(image: Tensor, path: Path, carried: Mapping[str, str]) -> None:
    """Write an image [H,W,C] 0..1 as a PNG, with `carried` as its metadata."""
    import numpy as np
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for key, value in carried.items():
        info.add_text(key, value)
    pixels = np.clip(255.0 * image.cpu().numpy(), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path, format="PNG", pnginfo=info, compress_level=4)
