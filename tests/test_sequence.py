"""Everything that travels between nodes can be counted, cut, joined and moved."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from fractions import Fraction
from typing import Any

import pytest
import torch

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.rig import mannequin
from kinograph.engines.errors import InputError
from kinograph.engines.flow.flow import Flow
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.head.heads import Heads
from kinograph.engines.pose.poses import Poses
from kinograph.engines.sequence import (
    FrameSequence,
    cat,
    frame_count,
    slice_frames,
    state_type,
    state_types,
    to_device,
)
from kinograph.engines.vace.control import VaceControl
from kinograph.engines.video.part import VideoPart

FRAMES = 5


def poses() -> Poses:
    made = Poses.empty(FRAMES, (48, 64), people=2)
    made.keypoints.copy_(torch.rand(made.keypoints.shape))
    return made


def camera() -> Camera:
    """A zoom: the focal length changes, the principal point does not."""
    zoom = torch.linspace(50, 90, FRAMES)
    return Camera(zoom, zoom, torch.tensor([32.0]), torch.tensor([24.0]), (48, 64))


def heads() -> Heads:
    made = Heads.empty(FRAMES, (48, 64), camera(), heads=2, points=3)
    made.rotation.copy_(torch.rand(made.rotation.shape))
    return made


def bodies() -> Bodies:
    made = Bodies.empty(FRAMES, (48, 64), camera(), mannequin(), bodies=2)
    made.rotation.copy_(torch.rand(made.rotation.shape))
    return made


VALUES: dict[str, Callable[[], Any]] = {
    "IMAGE": lambda: torch.rand(FRAMES, 4, 6, 3),
    "MASK": lambda: torch.rand(FRAMES, 4, 6),
    "list": lambda: [{"frame": number} for number in range(FRAMES)],
    "Poses": poses,
    "Heads": heads,
    "Bodies": bodies,
    "Flow": lambda: Flow(torch.rand(FRAMES - 1, 2, 4, 6)),
    "Flow both": lambda: Flow(*(torch.rand(FRAMES - 1, 2, 4, 6) for _ in range(2)), first="zero"),
    "Flow that goes on": lambda: Flow(backward=torch.rand(FRAMES, 2, 4, 6), first=""),
    "VaceControl": lambda: VaceControl(
        torch.rand(1, 3, FRAMES, 16, 16),
        torch.rand(1, 1, FRAMES, 16, 16),
        torch.rand(1, 3, 1, 16, 16),
    ),
    "VideoPart": lambda: VideoPart(torch.rand(FRAMES, 4, 6, 3), Fraction(15)),
}


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if not is_dataclass(one):
        return bool(one == other)
    return type(one) is type(other) and all(
        same(value, vars(other)[name]) for name, value in vars(one).items()
    )


@pytest.mark.parametrize("name", VALUES)
def test_parts_joined_are_the_whole(name: str) -> None:
    value = VALUES[name]()
    assert frame_count(value) == FRAMES
    for cuts in ([0, FRAMES], [0, 1, 2, FRAMES], [0, 3, FRAMES]):
        parts = [slice_frames(value, a, b) for a, b in itertools.pairwise(cuts)]
        counts = [b - a for a, b in itertools.pairwise(cuts)]
        assert [frame_count(part) for part in parts] == counts
        assert same(cat(parts), value)
    assert same(to_device(value, "cpu"), value)
    assert frame_count(slice_frames(value, 2, 2)) == 0


def test_moving_moves_every_tensor() -> None:
    for name in ("IMAGE", "Poses", "Flow both", "VaceControl", "VideoPart"):
        moved = to_device(VALUES[name](), "meta")
        tensors = [moved] if isinstance(moved, torch.Tensor) else vars(moved).values()
        assert {t.device.type for t in tensors if isinstance(t, torch.Tensor)} == {"meta"}, name


@pytest.mark.parametrize("value", [3, "text", None, torch.tensor(1.0), {"a": 1}])
def test_what_has_no_frames(value: Any) -> None:
    with pytest.raises(InputError, match="expected something with frames, found a"):
        frame_count(value)


def test_own_types_implement_the_protocol() -> None:
    for name in ("Poses", "Flow", "Heads", "Bodies", "VaceControl", "VideoPart"):
        assert isinstance(VALUES[name](), FrameSequence), name
        assert type(VALUES[name]()) in state_types().values()


def test_a_state_type_has_a_name_of_its_own() -> None:
    @dataclass
    class Toy:
        value: int

    state_type("toy of this test")(Toy)
    assert state_types()["toy of this test"] is Toy
    assert state_type("toy of this test")(Toy) is Toy  # the same once more
    with pytest.raises(ValueError, match=r"'toy of this test': both .*Toy.* and .*Poses.* claim"):
        state_type("toy of this test")(Poses)
