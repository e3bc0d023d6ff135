"""RTMPose (OpenMMLab): top-down, body or whole body, SimCC. Apache-2.0.

Trained on RGB with ImageNet's mean and standard deviation (mmpose,
configs/wholebody_2d_keypoint/rtmpose); the exported graph takes normalised images. A joint's x and
y are classified separately, into bins of half a pixel; the first bin is the centre of the first
pixel.
"""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

from ...detections.people import with_people
from ...models.model import Model
from ...runtime.network import Network
from ...runtime.onnx_graph import InputAdapter, one_input, read_sockets, refuse
from ...runtime.tensor_spec import BATCH, TensorSpec, image_input
from ..family import PoseFamily, TopDown
from ..skeletons import COCO_17, WHOLEBODY_133, Skeleton

_SPLIT = 2.0  # bins per pixel
_MEAN = (123.675, 116.28, 103.53)
_STD = (58.395, 57.12, 57.375)


def network(model: Model, *, skeleton: Skeleton) -> Network:
    """Return the network of an ONNX file for the joints of `skeleton`.

    Raises `ModelError`, which says what was expected and found, for a file of another contract.
    """
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
        inputs=(image_input(high, wide, example=with_people),),
        outputs=tuple(
            TensorSpec(name, "float", (BATCH, joints, size)) for name, size in bins.items()
        ),
        stride=32,
        sizes=(max(high, wide), max(high, wide)),
        pixel_bytes=256,
        adapter=InputAdapter(image.name, image.kind, names, scale=255.0, mean=_MEAN, std=_STD),
        batch=max(batch, 0),
        size_name="detection size",
    )


def decode(outputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return keypoints [N,K,2] in pixels of the crop, and confidence [N,K].

    The confidence of a joint is the lower of its scores for x and y.
    """
    (height_x, x), (height_y, y) = (outputs[name].float().max(2) for name in ("simcc_x", "simcc_y"))
    points = torch.stack([x, y], -1) / _SPLIT + 0.5  # from pixel centres to pixel corners
    return points, torch.minimum(height_x, height_y).clamp(0, 1)


FAMILIES = (
    PoseFamily(
        name="rtmpose",
        network=partial(network, skeleton=COCO_17),
        suffixes=(".onnx",),
        recommended_size=256,
        order=40,
        head=TopDown(skeleton=COCO_17, decode=decode),
    ),
    PoseFamily(
        name="rtmpose_wholebody",
        network=partial(network, skeleton=WHOLEBODY_133),
        suffixes=(".onnx",),
        recommended_size=384,
        order=40,
        head=TopDown(skeleton=WHOLEBODY_133, decode=decode),
    ),
)
