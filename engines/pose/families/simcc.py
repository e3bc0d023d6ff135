"""RTMPose and DWPose (OpenMMLab, IDEA Research): top-down, body or whole body, SimCC. Apache-2.0.

Trained on RGB with ImageNet's mean and deviation (mmpose, configs/wholebody_2d_keypoint/rtmpose);
the exported graph begins behind that. A joint's x and y are told apart, each as the highest of the
bins of half a pixel, of which the first is the middle of the first pixel.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from ...models.registry import Model
from ...runtime.network import Network
from ...runtime.onnx_graph import Feed, one_input, read_sockets, refuse
from ..family import TopDown
from ..skeletons import COCO_17, WHOLEBODY_133, Skeleton

_SPLIT = 2.0  # bins a pixel
_MEAN = (123.675, 116.28, 103.53)
_STD = (58.395, 57.12, 57.375)


def _network(model: Model, skeleton: Skeleton) -> Network:
    inputs, outputs = read_sockets(model.path)
    image = one_input(inputs, "RTMPose", model.path)
    batch, _, high, wide = image.shape
    joints = len(skeleton)
    bins = {"simcc_x": int(wide * _SPLIT), "simcc_y": int(high * _SPLIT)}
    fits = min(high, wide) > 0 and len(outputs) == 2
    for output, size in zip(outputs, bins.values(), strict=False):
        fits = fits and len(output.shape) == 3
        fits = fits and output.shape[1] in (joints, -1) and output.shape[2] in (size, -1)
    if not fits:
        expected = f"images of a fixed size, simcc_x [B,{joints},2W], simcc_y [B,{joints},2H]"
        refuse("RTMPose", model.path, expected, [image, *outputs])
    names = {ours: output.name for ours, output in zip(bins, outputs, strict=True)}
    return Network(
        name=f"simcc_{joints}",
        load=None,
        outputs=dict.fromkeys(bins, joints),
        stride=32,
        sizes=(max(high, wide), max(high, wide)),
        max_people=1,
        pixel_bytes=256,
        feed=Feed(image.name, image.kind, names, scale=255.0, mean=_MEAN, std=_STD),
        batch=max(batch, 0),
        fixed=(high, wide),
        sees_people=True,
    )


def body_network(model: Model) -> Network:
    """Of 17 joints. Raises `ModelError` for a file of another contract."""
    return _network(model, COCO_17)


def wholebody_network(model: Model) -> Network:
    """Of 133 joints. Raises `ModelError` for a file of another contract."""
    return _network(model, WHOLEBODY_133)


def decode(outputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Keypoints [N,K,2] in pixels of the crop and confidence [N,K]: the lower of both heights."""
    (height_x, x), (height_y, y) = (outputs[name].float().max(2) for name in ("simcc_x", "simcc_y"))
    points = torch.stack([x, y], -1) / _SPLIT + 0.5  # ours begin at the first pixel's corner
    return points, torch.minimum(height_x, height_y).clamp(0, 1)


BODY = TopDown(skeleton=COCO_17, network=body_network, decode=decode)
WHOLEBODY = TopDown(skeleton=WHOLEBODY_133, network=wholebody_network, decode=decode)
