"""Pictures that a network looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...datasets.records import Array, Record
from ...document import Value
from ...errors import InputError
from ...video.picture import opened_picture


@dataclass(frozen=True)
class Picture:
    """A picture file.

    name:       in predictions
    intrinsics: [4] fx, fy, cx, cy in px of the picture; None: not known
    warp:       [3,3] homography that its pixels are moved by; None: they stay
    """

    name: str
    path: Path
    intrinsics: Array | None = None
    warp: Array | None = None

    @classmethod
    def of(cls, record: Record, warp: Array | None = None) -> Picture:
        """Return the picture of a labelled image."""
        assert record.image is not None
        return cls(record.name, record.image, record.intrinsics, warp)

    @classmethod
    def told(cls, record: Mapping[str, Any]) -> Picture:
        """Return the picture of a record with `image` and perhaps `intrinsics`.

        Raises `InputError` for a malformed record.
        """
        value = Value(dict(record), "record")
        name = value.needed("image").text()
        camera = value.member("intrinsics")
        lens = None
        if camera is not None:
            keys = ("fx", "fy", "cx", "cy")
            lens = np.array([camera.needed(key).number(-1e9, 1e9) for key in keys])
            if lens[:2].min() <= 0:
                raise camera.wrong("focal lengths above 0 px", f"{lens[:2].min():g}")
        return cls(name, Path(name), lens)

    def pixels(self, size: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        """Return [H,W,3] uint8, RGB, resized to `size` (height, width), and the picture's own size.

        Raises `MediaError` for a damaged file.
        """
        from PIL import Image

        with opened_picture(self.path) as picture:
            rgb = picture.convert("RGB")
        own = rgb.size[::-1]
        if self.warp is not None:
            import cv2

            moved = cv2.warpPerspective(
                np.asarray(rgb),
                self.warp,
                rgb.size,
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REFLECT_101,
            )
            rgb = Image.fromarray(moved)
        if rgb.size != size[::-1]:
            rgb = rgb.resize(size[::-1], Image.Resampling.BILINEAR)
        return np.array(rgb), own


def check_there(records: Sequence[Record]) -> None:
    """Raise `InputError` for a labelled image without a file."""
    for record in records:
        if record.image is None:
            raise InputError(f"{record.name}: expected a picture file, found none")
