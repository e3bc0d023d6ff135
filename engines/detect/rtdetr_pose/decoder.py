"""The deformable decoder, which refines boxes layer by layer."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...geometry.placement import Size
from .config import Config
from .heads import Boxes, Classes, Pose
from .layers import MLP, Attention, Feedforward
from .sampling import sample


class DeformableAttention(nn.Module):
    """Queries that look at a few points of the feature maps, around their boxes."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.levels: Sequence[Size] = config.levels
        self.heads, self.points = config.heads, config.points
        samples = config.heads * len(self.levels) * config.points
        self.places = nn.Linear(config.hidden, 2 * samples)
        self.weights = nn.Linear(config.hidden, samples)
        self.values = nn.Linear(config.hidden, config.hidden)
        self.out = nn.Linear(config.hidden, config.hidden)
        nn.init.zeros_(self.places.weight)
        nn.init.zeros_(self.weights.weight)
        nn.init.zeros_(self.weights.bias)
        with torch.no_grad():
            self.places.bias.copy_(self._star())

    def _star(self) -> Tensor:
        """Return places that differ by head in direction and by point in distance."""
        angle = torch.arange(self.heads) * (2 * math.pi / self.heads)
        towards = torch.stack([angle.cos(), angle.sin()], -1)
        towards = towards / towards.abs().amax(-1, keepdim=True)
        far = torch.arange(1, self.points + 1) / self.points
        shape = (self.heads, len(self.levels), self.points, 2)
        return (towards[:, None, None] * far[:, None]).expand(shape).flatten()

    def forward(self, queries: Tensor, memory: Tensor, boxes: Tensor) -> Tensor:
        """Return what queries [B,Q,D] see in `memory` [B,S,D] around boxes [B,Q,4] float32."""
        shape = (self.heads, len(self.levels), self.points)
        moves = self.places(queries).float().unflatten(-1, (*shape, 2))
        centre, sides = boxes[:, :, None, None, None].split(2, -1)
        points = centre + moves * sides / 2
        values = self.values(memory).unflatten(-1, (self.heads, -1))
        found = sample(values, points, self.levels)  # [B,Q,h,L,P,d]
        weights = self.weights(queries).unflatten(-1, (self.heads, -1)).softmax(-1)
        seen = (found.flatten(3, 4) * weights[..., None]).sum(3)
        out: Tensor = self.out(seen.flatten(2))
        return out


class DecoderLayer(nn.Module):
    """Attention among queries, then to the feature maps."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.among = Attention(config.hidden, config.heads)
        self.maps = DeformableAttention(config)
        self.norms = nn.ModuleList(nn.LayerNorm(config.hidden) for _ in range(2))
        self.feedforward = Feedforward(config.hidden, config.feedforward)

    def forward(
        self, x: Tensor, position: Tensor, memory: Tensor, boxes: Tensor, hidden: Tensor | None
    ) -> Tensor:
        x = self.norms[0](x + self.among(x, position, hidden))
        x = self.norms[1](x + self.maps(x + position, memory, boxes))
        out: Tensor = self.feedforward(x)
        return out


class Decoder(nn.Module):
    """Queries with boxes to the outputs of every layer."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.position = MLP(4, 2 * config.hidden, config.hidden)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        self.classes = nn.ModuleList(Classes(config) for _ in range(config.layers))
        self.boxes = nn.ModuleList(Boxes(config) for _ in range(config.layers))
        self.pose = nn.ModuleList(Pose(config) for _ in range(config.layers))

    def forward(
        self,
        x: Tensor,
        boxes: Tensor,
        memory: Tensor,
        hidden: Tensor | None = None,
        *,
        every: bool = False,
    ) -> list[dict[str, Tensor]]:
        """Return the outputs of the last layer, or of every one.

        x:      queries [B,Q,D]
        boxes:  [B,Q,4] float32, logits of cx, cy, w, h
        memory: [B,S,D]
        hidden: [Q,Q] bool, True where query i may not look at query j
        """
        found = []
        parts = zip(self.layers, self.classes, self.boxes, self.pose, strict=True)
        for number, (layer, to_classes, to_boxes, to_pose) in enumerate(parts):
            around = boxes.sigmoid()
            x = layer(x, self.position(around.to(x.dtype)), memory, around, hidden)
            refined = boxes + to_boxes(x).float()
            if every or number == len(self.layers) - 1:
                found.append(
                    {
                        "logits": to_classes(x).float(),
                        "bbox": refined,
                        **to_pose(x, refined.sigmoid()),
                    }
                )
            boxes = refined.detach()
        return found
