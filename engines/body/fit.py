"""From the points of bodies to `Bodies`: the mannequin, posed and placed in front of the camera."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import InputError
from ..geometry import rotations
from ..geometry.camera import Camera
from ..sequence import state_type
from .bodies import Bodies
from .held import HeldPoses, hold
from .ik.chain import SIDES, Chain, mannequin_chain
from .ik.solve import Solved, solve
from .landmarks import BodyPoints
from .placing import place, rays
from .proportions import Proportions
from .rig import Rig, mannequin
from .sizes import SizeState, sizes_by_track

_STEPS = 4  # of the pose in metres
_AGAIN = 3  # of the pose in the picture, from there on


@state_type()
@dataclass(frozen=True)
class FitState:
    """What carries the fit of bodies from chunk to chunk; opaque."""

    sizes: SizeState
    held: HeldPoses


def fit_bodies(
    found: BodyPoints, camera: Camera, state: FitState | None = None
) -> tuple[Bodies, FitState]:
    """Return the bodies whose points were found, and the state after them.

    camera: of the frames, of one frame or of all
    state:  after the frames before; None: these are the first

    Bodies are the mannequin in one size per track (see `sizes_by_track`), posed so that its points
    lie where they were found in metres, as seen along the ray to the body; then placed so that they
    appear where they were found in the picture, and posed again so that each of them does. A body
    whose points are not seen in a frame keeps the pose of the frames before, or is left out, see
    `hold`.

    Raises `InputError` for points that the mannequin lacks.
    """
    rig, chain = mannequin(), mannequin_chain()
    missing = [name for name in chain.points if name not in found.names]
    if missing:
        raise InputError(f"points: expected {', '.join(missing)} among them")
    device = found.device
    at = found.present.nonzero(as_tuple=True)
    world = found.world[at]
    seen = found.visibility[at].amax(-1) > 0
    size = found.scores.new_full(found.scores.shape, torch.nan)
    size = size.index_put(at, Proportions.of(world, found.names).sizes.where(seen, torch.nan))
    sizes, size_state = sizes_by_track(
        size, found.present, found.track_ids, None if state is None else state.sizes
    )
    number = torch.tensor([found.names.index(name) for name in chain.points], device=device)
    image, visibility = found.points[at][:, number], found.visibility[at][:, number]
    own = sizes[at]
    table = camera.of_frames(at[0])
    posed = _posed(chain, rig, world[:, number] / own[:, None, None], image, visibility, table)
    bodies = _bodies(found, camera, rig, chain, at, posed, own, visibility)
    bodies, held = hold(bodies, _spread(found, at, seen), None if state is None else state.held)
    return bodies, FitState(size_state, held)


def _posed(
    chain: Chain, rig: Rig, world: Tensor, image: Tensor, weights: Tensor, table: Tensor
) -> Solved:
    """Return N bodies of the mannequin's size in front of the camera.

    world: [N,M,3] m in the mannequin's size; image: [N,M,2] px; weights: [N,M]; table: [4,N]
    """
    first = solve(chain, rig, _along_ray(chain, world, image, table), weights, steps=_STEPS)
    counted = weights * chain.counts.to(weights)
    at = first.points + place(first.points, image, counted, table)[:, None]
    depth = -at[..., 2:]
    there = torch.cat([rays(image, table) * depth, -depth], -1)
    pelvis = first.pelvis + (at - first.points)[:, 0]
    return solve(chain, rig, there, weights, start=(first.rotation, pelvis), steps=_AGAIN)


def _along_ray(chain: Chain, world: Tensor, image: Tensor, table: Tensor) -> Tensor:
    """Return points [N,M,3] m turned into the camera's axes, about the vertical one.

    The network sees a crop, as if the camera looked straight at the body. It shows which way a body
    faces, but hardly whether it is seen from above or below: the network takes bodies as upright.
    """
    trunk = [chain.point(f"{side}_{end}") for side, _ in SIDES for end in ("hip", "shoulder")]
    angle = -rays(image[:, trunk].mean(1, keepdim=True), table)[:, 0, 0].atan()
    about = torch.stack([torch.zeros_like(angle), angle, torch.zeros_like(angle)], -1)
    return world @ rotations.turn_by(about).mT


def _spread(found: BodyPoints, at: tuple[Tensor, ...], values: Tensor) -> Tensor:
    """Return values [N,...] of the bodies `at` frames and places by place [F,P,...]."""
    empty = values.new_zeros(*found.scores.shape, *values.shape[1:])
    return empty.index_put(at, values)


def _bodies(
    found: BodyPoints,
    camera: Camera,
    rig: Rig,
    chain: Chain,
    at: tuple[Tensor, ...],
    posed: Solved,
    sizes: Tensor,
    visibility: Tensor,
) -> Bodies:
    """Return posed bodies in their places."""
    joints = chain.joints.to(found.device)
    count = len(sizes)
    whole = torch.eye(3, device=found.device).repeat(count, len(rig.joints), 1, 1)
    whole[:, joints] = posed.rotation
    shape = torch.zeros(count, len(rig.shapes), device=found.device)
    shape[:, rig.shapes.index("size")] = sizes - 1
    sure = torch.zeros(count, len(rig.joints), device=found.device)
    sure[:, joints] = confidence(chain, visibility)
    nobody = Bodies.empty(
        len(found), found.canvas, camera, rig, bodies=found.scores.shape[1], device=found.device
    )
    return replace(
        nobody,
        rotation=_spread(found, at, whole),
        translation=_spread(found, at, posed.pelvis * sizes[:, None]),
        shape=_spread(found, at, shape),
        confidence=_spread(found, at, sure),
        boxes=found.boxes,
        scores=found.scores,
        track_ids=found.track_ids,
        count=found.count,
    )


def confidence(chain: Chain, visibility: Tensor) -> Tensor:
    """Return how sure the turns of the bones are [N,B] 0..1, by the points [N,M] that are seen:
    as the least visible of those that show each, see `Chain.shown_by`."""
    return visibility[:, chain.to(visibility.device).shown_by].amin(2)
