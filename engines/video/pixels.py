"""Decoded pictures to pixels: upright, with square pixels, in SDR."""

from typing import Any

import av
import numpy as np
import torch
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray
from torch import Tensor

from .facts import PictureFacts
from .tone import to_sdr


class PixelConverter:
    """Converts the pictures of one stream.

    alpha: keep the alpha channel
    """

    def __init__(self, facts: PictureFacts, *, alpha: bool = False):
        self._facts = facts
        self._alpha = alpha
        # creating one takes longer than a small picture
        self._converter = VideoReformatter()
        self._last: tuple[av.VideoFrame, Tensor] | None = None

    def of(self, picture: av.VideoFrame) -> Tensor:
        """Return a picture as [H,W,3 or 4] uint8; the same picture again is not converted again."""
        if self._last is None or self._last[0] is not picture:
            self._last = (picture, self._converted(picture))
        return self._last[1]

    def _converted(self, picture: av.VideoFrame) -> Tensor:
        facts = self._facts
        if facts.transfer is not None or facts.wide_gamut:
            pixels = self._toned(picture)
        else:
            pixels = torch.from_numpy(self._as(picture, "rgba" if self._alpha else "rgb24"))
        orientation = facts.orientation
        if orientation.is_upright:
            return pixels
        if orientation.transposed:
            pixels = pixels.transpose(0, 1)
        flipped = [a for a, f in ((0, orientation.mirrored_y), (1, orientation.mirrored_x)) if f]
        return pixels.flip(flipped) if flipped else pixels.contiguous()

    def _as(self, picture: av.VideoFrame, layout: str) -> NDArray[Any]:
        """Return [H,W,C] in a pixel format, with square pixels."""
        height, width = self._facts.square
        if (height, width) == self._facts.stored:
            return self._converter.reformat(picture, format=layout).to_ndarray()
        scaled = self._converter.reformat(
            picture, width, height, layout, interpolation=Interpolation.BICUBIC
        )
        return scaled.to_ndarray()

    def _toned(self, picture: av.VideoFrame) -> Tensor:
        array = self._as(picture, "rgba64le" if self._alpha else "rgb48le")
        codes = torch.from_numpy(array.astype(np.float32) / 65535)
        facts = self._facts
        rgb = to_sdr(codes[..., :3], facts.transfer, facts.peak, wide_gamut=facts.wide_gamut)
        if not self._alpha:
            return rgb
        return torch.cat([rgb, (codes[..., 3:] * 255).round().to(torch.uint8)], -1)
