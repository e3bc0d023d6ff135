"""What the decoder says of each object: the outputs by the names of the contract."""

import torch
from torch import Tensor, nn

from .config import Config
from .layers import MLP, prior

_RARE = 0.01  # of a class, before training: most queries see background (Lin et al., 2017)
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)  # rows of a rotation; a rot6d of 0 has no direction


class Classes(nn.Linear):
    """Tokens [...,D] to the logits [...,C+1] of a softmax, whose last is the background."""

    def __init__(self, config: Config) -> None:
        super().__init__(config.hidden, config.classes + 1)
        nn.init.constant_(self.bias, prior(_RARE))
        nn.init.zeros_(self.bias[-1:])
        nn.init.normal_(self.weight, std=0.01)


class Boxes(MLP):
    """Tokens [...,D] to a change [...,4] of the logits of a box cx, cy, w, h; at first none."""

    def __init__(self, config: Config) -> None:
        super().__init__(config.hidden, config.hidden, config.hidden, 4)
        _start(self.last(), (0.0,) * 4)


class Pose(nn.Module):
    """Tokens and their boxes to the 6D pose and the keypoints of each object.

    What lies in the picture is predicted relative to the box and given as the contract has it.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        hidden = config.hidden
        self.height, self.width = config.size
        self.keypoint_count = config.keypoints
        self.log_z, self.rot6d, self.offsets = (MLP(hidden, hidden, n) for n in (1, 6, 2))
        _start(self.log_z.last(), (float(torch.tensor(config.depth).log()),))
        _start(self.rot6d.last(), _IDENTITY)
        _start(self.offsets.last(), (0.0, 0.0))
        if config.keypoints:
            self.keypoints = MLP(hidden, hidden, 2 * config.keypoints)
            _start(self.keypoints.last(), (0.0,) * 2 * config.keypoints)
        self.has_scores = bool(config.keypoints and config.keypoint_scores)
        if self.has_scores:
            self.keypoint_scores = MLP(hidden, hidden, config.keypoints)
        self.has_uncertainty = config.uncertainty
        if config.uncertainty:
            self.log_sigma = MLP(hidden, hidden, 2)
            _start(self.log_sigma.last(), (0.0, 0.0))

    def forward(self, tokens: Tensor, boxes: Tensor) -> dict[str, Tensor]:
        """Return the outputs of tokens [B,Q,D] with boxes [B,Q,4], float32 cx, cy, w, h 0..1."""
        centre, sides = boxes.split(2, -1)
        scale = sides.new_tensor([self.width, self.height])
        found = {
            "log_z": self.log_z(tokens).float(),
            "rot6d": self.rot6d(tokens).float(),
            "offsets": self.offsets(tokens).float() * sides * scale,
        }
        if self.keypoint_count:
            relative = self.keypoints(tokens).float().unflatten(-1, (self.keypoint_count, 2))
            found["keypoints"] = centre[..., None, :] + relative * sides[..., None, :]
        if self.has_scores:
            found["keypoint_scores"] = self.keypoint_scores(tokens).float().sigmoid()
        if self.has_uncertainty:
            depth, rotation = self.log_sigma(tokens).float().split(1, -1)
            found["log_sigma_z"], found["log_sigma_rot"] = depth, rotation
        return found


class Intrinsics(nn.Module):
    """The coarsest map [B,D,h,w] to k_delta [B,4], the change of the camera; at first none."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.layers = MLP(config.hidden, config.hidden, 4)
        _start(self.layers.last(), (0.0,) * 4)

    def forward(self, coarse: Tensor) -> Tensor:
        change: Tensor = self.layers(coarse.mean((2, 3))).float()
        return change


def _start(layer: nn.Linear, values: tuple[float, ...]) -> None:
    """Make a layer give `values` whatever it sees, until it is trained."""
    nn.init.zeros_(layer.weight)
    with torch.no_grad():
        layer.bias.copy_(torch.tensor(values))
