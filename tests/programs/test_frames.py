"""Which frames the classes for programs take: the same picture, however it is given."""

from typing import Any

import numpy as np
import pytest
import torch

from kinograph.engines.programs.frames import as_floats, images_of

_PIXELS = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)
_CPU = torch.device("cpu")


def _read_only() -> Any:
    made = _PIXELS.copy()
    made.flags.writeable = False
    return made


@pytest.mark.parametrize(
    "frames",
    [
        _PIXELS,
        _read_only(),
        _PIXELS[::-1][::-1],
        _PIXELS[:, ::-1].copy()[:, ::-1],
        _PIXELS.astype(np.float32) / 255,
        (_PIXELS / 255.0).astype(">f4"),
        _PIXELS / 255.0,
        _PIXELS.transpose(3, 0, 1, 2),
        _PIXELS.transpose(3, 0, 1, 2)[None],
        torch.from_numpy(_PIXELS) / 255,
        torch.from_numpy(_PIXELS),
    ],
    ids=range(11),
)
def test_arrays_and_tensors(frames: Any) -> None:
    found = as_floats(images_of(frames), _CPU)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.from_numpy(_PIXELS) / 255)
