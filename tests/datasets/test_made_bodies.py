"""Pictures of the mannequin in known poses."""

import pytest
import torch

from kinograph.engines.body.ik.chain import mannequin_chain
from kinograph.engines.datasets.made_bodies import MadeBodies, make_bodies
from kinograph.engines.errors import InputError
from kinograph.engines.geometry.rotations import turn_of
from kinograph.engines.render.body_meshes import body_meshes
from kinograph.engines.render.mesh.draw import draw_meshes

BEHIND = torch.rand(2, 40, 30, 3, generator=torch.Generator().manual_seed(0))
SMALL = (112, 96)


@pytest.fixture(scope="module")
def made() -> MadeBodies:
    return make_bodies(3, 6, BEHIND, size=SMALL)


def test_bodies_are_where_the_pictures_show_them(made: MadeBodies) -> None:
    """What differs from another background is the silhouette of the bodies that are said."""
    other = make_bodies(3, 6, BEHIND.flip(1), size=SMALL)
    same = (made.images - other.images).abs().amax(-1) < 1e-6
    _, mask = draw_meshes([body_meshes(made.bodies)], made.bodies.camera, 6)
    assert same[mask > 0.999].all()
    assert not same[mask == 0].float().mean() > 0.1
    for number, (x0, y0, x1, y1) in enumerate(made.bodies.boxes[:, 0].tolist()):
        row, column = (mask[number] > 0.5).nonzero().unbind(1)
        assert x0 - 3 < int(column.min()) < int(column.max()) < x1 + 3
        assert y0 - 3 < int(row.min()) < int(row.max()) < y1 + 3
        assert 0 <= y0 < y1 <= SMALL[0]


def test_a_picture_follows_from_its_number(made: MadeBodies) -> None:
    part = make_bodies(5, 2, BEHIND, size=SMALL)
    assert torch.equal(part.images, made.images[2:4])
    assert torch.equal(part.bodies.rotation, made.bodies.rotation[2:4])
    assert not torch.equal(
        make_bodies(5, 2, BEHIND, seed=1, size=SMALL).bodies.rotation, part.bodies.rotation
    )


def test_poses_are_within_what_joints_allow() -> None:
    chain = mannequin_chain()
    bodies = make_bodies(0, 20, BEHIND, size=(28, 24)).bodies
    turns = turn_of(bodies.rotation[:, 0, chain.joints[1:]])
    about = (chain.axes[1:] @ turns[..., None])[..., 0]
    low, high = chain.limits[1:].unbind(-1)
    assert ((about > low - 1e-4) & (about < high + 1e-4)).all()
    facing = bodies.rotation[:, 0, 0, 2, 2]  # towards the camera and away from it
    assert facing.min() < -0.5
    assert facing.max() > 0.5


@pytest.mark.parametrize(
    ("first", "count", "behind", "said"),
    [
        (-1, 2, BEHIND, "expected a number from 0 on and at least 1 picture, found -1 and 2"),
        (0, 0, BEHIND, "found 0 and 0"),
        (0, 1, BEHIND[0], "backgrounds: expected"),
    ],
)
def test_what_cannot_be_made(first: int, count: int, behind: torch.Tensor, said: str) -> None:
    with pytest.raises(InputError, match=said):
        make_bodies(first, count, behind)
