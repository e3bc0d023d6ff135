"""MediaPipe's pose landmarks (BlazePose GHUM, full): 33 points in the picture and in metres.

Bazarevsky et al., BlazePose, 2020, arXiv:2006.10204; Grishchenko et al., BlazePose GHUM Holistic,
2022, arXiv:2206.11678. Apache-2.0. Layers and weights are those of the published network, see
NOTICE; regions and decoding are our own, with MediaPipe's constants.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ...detections.people import of_one_person
from ...models.planned import load_planned
from ...runtime.network import Network
from ...runtime.tensor_spec import BATCH, TensorSpec, image_input
from ..family import BodyFamily, BodyLandmarks, CropLandmarks

SIZE = 256  # px
POINTS = (
    *("nose", "left_eye_inner", "left_eye", "left_eye_outer"),
    *("right_eye_inner", "right_eye", "right_eye_outer", "left_ear", "right_ear"),
    *("mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow"),
    *("right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index"),
    *("right_index", "left_thumb", "right_thumb", "left_hip", "right_hip", "left_knee"),
    *("right_knee", "left_ankle", "right_ankle", "left_heel", "right_heel", "left_foot_index"),
    "right_foot_index",
)
_ALL = 39  # points that the network gives; 33 and 34 place the region, the others are not used
_AROUND = slice(33, 35)
_HEATMAP = 64  # px
_REACH = 3  # px of the heatmap to each side of a point that its place is refined in
_SURE = 0.5  # least value of the heatmap at which it is


class Landmarks(nn.Module):
    """images [N,3,256,256] RGB 0..1 -> the points of the body in each.

    landmarks: [N,195] x, y, z px, visibility and presence (logits) of 39 points
    presence:  [N,1] 0..1, whether there is a body
    heatmap:   [N,39,64,64] logits of where each point is
    world:     [N,117] x, y, z m of 39 points
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = self.network(images)
        return {
            "landmarks": found["landmarks"].flatten(1),
            "presence": found["presence"].flatten(1),
            "heatmap": found["heatmap"],
            "world": found["world"].flatten(1),
        }


def _load(path: Path) -> nn.Module:
    return Landmarks(load_planned(path)).eval()


def decode(outputs: Mapping[str, Tensor]) -> CropLandmarks:
    """Return what the network found in N crops."""
    rows = outputs["landmarks"].float().unflatten(1, (_ALL, 5))
    points = refined(rows[..., :2], outputs["heatmap"].float())
    count = len(POINTS)
    return CropLandmarks(
        points=points[:, :count],
        around=points[:, _AROUND],
        world=outputs["world"].float().unflatten(1, (_ALL, 3))[:, :count],
        visibility=rows[:, :count, 3:].sigmoid().amin(-1),
        scores=outputs["presence"].float()[:, 0],
    )


def refined(points: Tensor, heatmap: Tensor) -> Tensor:
    """Return points [N,K,2] px of the crop moved to the centre of the heatmap [N,K,64,64] there.

    As MediaPipe does it: in a window of 7x7, only where the highest value is at least 0.5.
    """
    steps = torch.arange(-_REACH, _REACH + 1, device=points.device)
    scale = _HEATMAP / SIZE
    # MediaPipe's grid: the first value of the heatmap stands at 0, and coordinates are cut.
    at = (points * scale).long()
    column, row = (at[..., axis, None] + steps for axis in (0, 1))  # [N,K,7]
    inside = _within(row)[..., :, None] & _within(column)[..., None, :]
    place = row.clamp(0, _HEATMAP - 1)[..., :, None] * _HEATMAP
    place = (place + column.clamp(0, _HEATMAP - 1)[..., None, :]).flatten(-2)  # [N,K,49]
    weight = heatmap.flatten(2).gather(2, place).sigmoid() * inside.flatten(-2)
    total = weight.sum(-1)
    wide = len(steps)
    by_cell = weight.unflatten(-1, (wide, wide))
    x, y = (by_cell.sum(-2) * column).sum(-1), (by_cell.sum(-1) * row).sum(-1)
    centre = torch.stack([x, y], -1) / total[..., None].clamp(min=1e-6) / scale
    sure = (weight.amax(-1) >= _SURE) & _within(at).all(-1)
    return torch.where(sure[..., None], centre, points)


def _within(cells: Tensor) -> Tensor:
    return (cells >= 0) & (cells < _HEATMAP)


FAMILY = BodyFamily(
    name="blazepose",
    network=lambda model: Network(
        name="blazepose",
        load=_load,
        inputs=(image_input(SIZE, SIZE, example=of_one_person),),
        outputs=(
            TensorSpec("landmarks", "float", (BATCH, _ALL * 5)),
            TensorSpec("presence", "float", (BATCH, 1)),
            TensorSpec("heatmap", "float", (BATCH, _ALL, _HEATMAP, _HEATMAP)),
            TensorSpec("world", "float", (BATCH, _ALL * 3)),
        ),
        stride=SIZE,
        sizes=(SIZE, SIZE),
        # A CPU takes one image at a time: as fast, and a body's points do not depend on the others.
        pixel_bytes=512,
    ),
    order=10,
    head=BodyLandmarks(
        size=SIZE, points=POINTS, decode=decode, beyond=0.0, box_reach=1.25, reach=2.5
    ),
)
