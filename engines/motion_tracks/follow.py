"""Follow points along optical flow, pair by pair."""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from ..flow.flow import Flow
from ..flow.speeds import fastest
from ..sequence import state_type
from .points import on_canvas

# Sundaram, Brox and Keutzer, ECCV 2010, as in the flow's own occlusion masks: forward and backward
# flow must cancel up to this part of their squared length, plus so many px².
_PART, _SLACK = 0.01, 0.5


@state_type()
@dataclass(frozen=True)
class Followed:
    """Where points are after some frames.

    at:    [N,2] x, y px
    alive: [N] bool: not lost yet
    """

    at: Tensor
    alive: Tensor

    @classmethod
    def start(cls, points: Tensor) -> "Followed":
        """Return points [N,2] px at their start."""
        return cls(points, torch.ones(len(points), dtype=torch.bool, device=points.device))


def follow(
    before: Followed, flow: Flow, new: Tensor | None = None
) -> tuple[Tensor, Tensor, Followed]:
    """Follow points through the pairs of a flow.

    before: the points in the frame that the first pair begins with
    new:    [N] bool: pairs whose second frame begins a new shot, where all points end

    Returns places [N,P,2] px and whether they are visible [N,P] bool, after each of the N pairs,
    and the points after the last. A point ends for good where the forward and the backward flow do
    not lead back to it, where it leaves the picture, and at a cut; then it stays where it was. With
    forward flow alone, occlusion does not end it. Raises `InputError` for flow without the forward
    direction, and for flow that is not finite.
    """
    there, back = flow.one("forward"), flow.backward
    fastest(there)
    if back is not None:
        fastest(back)
    if new is not None and len(new) != len(flow):
        raise InputError(f"cuts: expected {len(flow)} pairs, found {len(new)}")
    at, alive = before.at.to(there), before.alive.to(there.device)
    places, visible = [], []
    for i in range(len(flow)):  # each pair starts where the one before ended
        step = _sampled(there[i], at)
        to = at + step
        lives = alive & on_canvas(to, flow.size)
        if back is not None:
            home = _sampled(back[i], to)
            apart = (step + home).square().sum(-1)
            length = step.square().sum(-1) + home.square().sum(-1)
            lives = lives & (apart <= _PART * length + _SLACK)
        if new is not None:
            lives = lives & ~new[i].to(lives.device)
        at, alive = torch.where(lives[:, None], to, at), lives
        places.append(at)
        visible.append(alive)
    after = replace(before, at=at, alive=alive)
    if not places:
        return at.new_zeros(0, *at.shape), alive.new_zeros(0, len(alive)), after
    return torch.stack(places), torch.stack(visible), after


def _sampled(flow: Tensor, at: Tensor) -> Tensor:
    """Return flow [2,H,W] px at places [P,2] px, bilinear: [P,2]; the edge's beyond the edge.

    A place is counted from the picture's corner, so that pixel 0 has its centre at 0.5.
    """
    sides = at.new_tensor([flow.shape[2], flow.shape[1]])
    grid = (at * 2 / sides - 1)[None, None]  # [1,1,P,2]
    found = F.grid_sample(flow[None].float(), grid, padding_mode="border", align_corners=False)
    return found[0, :, 0].T
