"""Bodies: what fits together, and what is refused."""

from dataclasses import replace

import pytest
import torch

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.rig import mannequin
from kinograph.engines.errors import InputError
from kinograph.engines.geometry.camera import Camera

CANVAS = (48, 64)


def nobody(frames: int = 2, bodies: int = 3) -> Bodies:
    camera = Camera.of_field_of_view(CANVAS)
    return Bodies.empty(frames, CANVAS, camera, mannequin(), bodies=bodies)


def test_nobody() -> None:
    bodies = nobody()
    assert (len(bodies), bodies.rig) == (2, "mannequin")
    assert not bodies.present.any()
    assert bodies.with_places(5).track_ids.tolist() == [[-1] * 5] * 2


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rotation", torch.zeros(2, 3, 52, 3), r"rotation: expected .* found \[2, 3, 52, 3\]"),
        ("translation", torch.zeros(2, 2, 3), r"translation: expected the shape \[2,3,3\]"),
        ("shape", torch.zeros(2, 10), r"shape: expected the shape \[2,3,shapes\]"),
        ("confidence", torch.zeros(2, 3, 51), r"confidence: expected the shape \[2,3,52\]"),
        ("boxes", torch.zeros(2, 3, 2), r"boxes: expected the shape \[2,3,4\]"),
        ("scores", torch.zeros(2), r"scores: expected the shape \[2,3\]"),
        ("track_ids", torch.zeros(2, 3), r"track_ids: expected int64, found torch.float32"),
        ("count", torch.zeros(3, dtype=torch.int64), r"count: expected the shape \[2\]"),
        ("canvas", (0, 64), r"canvas: expected height and width >= 1"),
    ],
)
def test_what_does_not_fit(name: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match=rf"Bodies\.{message}"):
        replace(nobody(), **{name: value})


def test_chunks_of_different_rigs_are_not_joined() -> None:
    one = nobody()
    for other in (replace(one, rig="other"), replace(one, shape=torch.zeros(2, 3, 4))):
        with pytest.raises(InputError, match="differ in canvas, rig, joints or shapes"):
            Bodies.cat([one, other])


def test_chunks_with_other_places_are_joined() -> None:
    joined = Bodies.cat([nobody(2, 1), nobody(3, 4)])
    assert joined.rotation.shape == (5, 4, 52, 3, 3)
