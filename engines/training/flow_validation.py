"""How a flow network is judged between two steps: on pairs that it does not learn from."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..datasets.flow import Dataset
from ..evaluation.flow import end_point_errors
from ..flow.families.raft import STRIDE, UPDATES
from ..flow.raft.unrolled import Unrolled, upsampled
from .flow import Pairs
from .standing import Validation

SCENES = "scenes"
_ROWS = 8  # pairs that pass the network together


@dataclass(frozen=True)
class Known:
    """Pairs [N,3,H,W] in 0..1, their motion [N,2,H,W] px, and where it is known, [N,H,W] bool."""

    first: Tensor
    second: Tensor
    flow: Tensor
    valid: Tensor


def known_pairs(pairs: Pairs) -> Known:
    """Return pairs whose motion is known everywhere."""
    valid = torch.ones_like(pairs.flow[:, 0], dtype=torch.bool)
    return Known(pairs.first, pairs.second, pairs.flow, valid)


def known_dataset(dataset: Dataset, device: torch.device) -> Known:
    """Return a data set whose pairs have one size, on the device."""
    loaded = [pair.load() for pair in dataset.pairs]
    frames = torch.stack([frames for frames, _ in loaded]).movedim(-1, 2).to(device)  # [N,2,3,H,W]
    flow = torch.cat([truth.flow for _, truth in loaded]).to(device)
    valid = torch.cat([truth.valid for _, truth in loaded]).to(device)
    return Known(frames[:, 0].contiguous(), frames[:, 1].contiguous(), flow, valid)


def flow_validation(sets: Mapping[str, Known], decides: str = SCENES) -> Validation:
    """Return the validation by the mean end-point error in px of each of some sets of pairs, with
    12 updates in fp32; that of one of them decides."""

    def judge(module: nn.Module) -> Mapping[str, float | None]:
        training = module.training
        module.eval()
        with torch.inference_mode():
            found = {name: _error(module, known) for name, known in sets.items()}
        module.train(training)
        return found

    return Validation(judge, decides, smaller=True)


def _error(module: nn.Module, known: Known) -> float:
    unrolled = Unrolled(module)
    total, pixels = 0.0, 0
    for start in range(0, len(known.flow), _ROWS):
        rows = slice(start, start + _ROWS)
        one, two = (_filled(frames[rows]) for frames in (known.first, known.second))
        height, width = known.flow.shape[2:]
        flow = upsampled(unrolled(one, two, UPDATES)[-1])[..., :height, :width]
        wrong = end_point_errors(flow, known.flow[rows])
        valid = known.valid[rows]
        total += float(wrong[valid].double().sum())
        pixels += int(valid.sum())
    return total / max(pixels, 1)


def _filled(frames: Tensor) -> Tensor:
    """Return frames with their edges repeated up to a size that the network takes."""
    down, right = (-side % STRIDE for side in frames.shape[2:])
    return F.pad(frames, (0, right, 0, down), mode="replicate")
