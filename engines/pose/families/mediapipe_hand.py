"""MediaPipe's hand landmarks, full: the 21 points of a hand. Apache-2.0.

Zhang et al., MediaPipe Hands: On-device real-time hand tracking, 2020, arXiv:2006.10214. Layers and
weights are those of the published network, see NOTICE; where crops are taken is in `hands`.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from ...models.planned import load_planned
from ...runtime.network import Network
from ...runtime.tensor_spec import BATCH, TensorSpec, image_input
from ..family import HandFamily, HandPoints

SIZE = 224  # px
POINTS = 21
_OUTPUTS = {"points": POINTS * 3, "presence": 1, "handedness": 1}


class Hand(nn.Module):
    """images [N,3,224,224] RGB 0..1 -> points of the hand in the crop.

    points:     [N,63] x, y, z px of 21 points
    presence:   [N,1] logit of a hand
    handedness: [N,1] logit of a right hand
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = self.network(images)
        return {name: found[name] for name in _OUTPUTS}


def _load(path: Path) -> nn.Module:
    return Hand(load_planned(path)).eval()


def decode(outputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return points [N,21,2] px of the crop and the score [N] of there being a hand."""
    points = outputs["points"].float().unflatten(1, (POINTS, 3))
    return points[..., :2], outputs["presence"].float()[:, 0].sigmoid()


FAMILY = HandFamily(
    name="mediapipe_hand",
    network=lambda model: Network(
        name="mediapipe_hand",
        load=_load,
        inputs=(image_input(SIZE, SIZE),),
        outputs=tuple(
            TensorSpec(name, "float", (BATCH, width)) for name, width in _OUTPUTS.items()
        ),
        stride=SIZE,
        sizes=(SIZE, SIZE),
        pixel_bytes=64,  # 64 channels at half the size, and what they are made from
    ),
    order=10,
    head=HandPoints(size=SIZE, decode=decode),
)
