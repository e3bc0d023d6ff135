"""How large a body is, and whether its points can be those of a body."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .ik.chain import SIDES, Chain, mannequin_chain

# Mean of |log| of the lengths of bones relative to those of the mannequin of the same size. In the
# shipped clip right points have 0.03 to 0.16, wrong ones 0.3 to 0.45.
ODD = 0.25

_LIMBS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
_PAIRS = [(f"{side}_{one}", f"{side}_{two}") for side, _ in SIDES for one, two in _LIMBS]
_TRUNK = [
    *(("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")),
    *((f"{side}_shoulder", f"{side}_hip") for side, _ in SIDES),
]


@dataclass(frozen=True)
class Proportions:
    """sizes [N]: of bodies in those of the mannequin, by the median of eight limbs; odd [N]: how
    far their proportions are from the mannequin's, see `ODD`."""

    sizes: Tensor
    odd: Tensor

    @classmethod
    def of(cls, world: Tensor, names: tuple[str, ...]) -> "Proportions":
        """Return those of bodies whose points lie at [N,K,3] m.

        names: of the K points, among them shoulders, elbows, wrists, hips, knees and ankles
        """
        pairs = _PAIRS + _TRUNK
        ends = [
            torch.tensor([names.index(pair[end]) for pair in pairs], device=world.device)
            for end in (0, 1)
        ]
        lengths = (world[:, ends[0]] - world[:, ends[1]]).norm(dim=-1)
        ratios = lengths / _lengths(mannequin_chain(), pairs).to(lengths)
        sizes = ratios[:, : len(_PAIRS)].quantile(0.5, 1) if len(world) else ratios[:, 0]
        log = (ratios / sizes[:, None].clamp(min=1e-6)).clamp(min=1e-3).log()
        return cls(sizes, log.abs().mean(1))


def _lengths(chain: Chain, pairs: list[tuple[str, str]]) -> Tensor:
    return torch.stack([(chain.rest_point(a) - chain.rest_point(b)).norm() for a, b in pairs])
