"""Cameras of chunks, joined and cut."""

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.geometry.camera import Camera


def camera(*focal: float) -> Camera:
    """Return a camera with one focal length for all frames, or one for each."""
    middle = torch.tensor([50.0])
    return Camera(torch.tensor(focal), torch.tensor([90.0]), middle, middle, (100, 100))


def test_one_camera_for_all_frames_stays_one() -> None:
    joined = Camera.cat([camera(80.0), camera(80.0)], [3, 4])
    assert joined.fx.tolist() == [80.0]
    assert joined.slice(2, 5).fx.tolist() == [80.0]


def test_chunks_of_one_frame_and_of_several_give_the_whole() -> None:
    zoom = camera(70.0, 71.0, 72.0, 73.0)
    parts = [zoom.slice(0, 1), zoom.slice(1, 2), zoom.slice(2, 2), zoom.slice(2, 4)]
    assert Camera.cat(parts, [1, 1, 0, 2]).fx.tolist() == [70.0, 71.0, 72.0, 73.0]
    joined = Camera.cat([camera(60.0), zoom], [3, 4])
    assert joined.fx.tolist() == [60.0, 60.0, 60.0, 70.0, 71.0, 72.0, 73.0]
    assert joined.fy.tolist() == [90.0]
    assert joined.frame_count == 7


def test_cameras_of_other_pictures_are_not_joined() -> None:
    with pytest.raises(InputError, match="pictures of different sizes"):
        Camera.cat([camera(80.0), camera(80.0).fitted((50, 50))], [1, 1])
