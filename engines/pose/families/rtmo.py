"""RTMO (OpenMMLab): one stage, COCO-17, as mmdeploy exports it to ONNX. Apache-2.0.

Trained on BGR in 0..255 without mean or standard deviation, letterboxed with 114 (mmpose,
configs/body_2d_keypoint/rtmo). The graph ends in non-maximum suppression at an IoU of 0.65, which
leaves duplicates; as in rtmlib, a second one at 0.45 follows.
"""

from collections.abc import Mapping

from torch import Tensor

from ...detections.agreement import same_people
from ...detections.people import with_people
from ...models.model import Model
from ...runtime.network import Network
from ...runtime.onnx_graph import InputAdapter, one_input, read_sockets, refuse
from ...runtime.tensor_spec import BATCH, TensorSpec, image_input
from ..family import OneStage, PoseCandidates, PoseFamily
from ..skeletons import COCO_17

_OUTPUTS = {"dets": (-1, -1, 5), "keypoints": (-1, -1, len(COCO_17), 3)}  # -1: any size


def network(model: Model) -> Network:
    """Return the network of an ONNX file with the outputs dets [B,N,5] and keypoints [B,N,17,3].

    Raises `ModelError`, which says what was expected and found, for a file of another contract.
    """
    inputs, outputs = read_sockets(model.path)
    image = one_input(inputs, "RTMO", model.path)
    there = {o.name: o for o in outputs}
    if not all(name in there and there[name].fits(shape) for name, shape in _OUTPUTS.items()):
        refuse("RTMO", model.path, "the outputs dets [B,N,5], keypoints [B,N,17,3]", outputs)
    batch, _, high, wide = image.shape
    fixed = (high, wide) if min(high, wide) > 0 else None
    return Network(
        name="rtmo",
        load=None,
        inputs=(image_input(*(fixed or ()), example=with_people),),
        outputs=(
            TensorSpec("dets", "float", (BATCH, "places", 5)),
            TensorSpec("keypoints", "float", (BATCH, "places", len(COCO_17), 3)),
        ),
        stride=32,
        sizes=(max(fixed), max(fixed)) if fixed else (128, 1280),
        pixel_bytes=256,
        adapter=InputAdapter(
            image.name, image.kind, {n: n for n in _OUTPUTS}, scale=255.0, bgr=True
        ),
        batch=max(batch, 0),
        size_name="detection size",
        compare=same_people(decode),
    )


def decode(outputs: Mapping[str, Tensor], frames: int, above: float) -> PoseCandidates:
    """Return candidates in pixels of the input; dets are x0, y0, x1, y1, score."""
    dets, joints = outputs["dets"].float(), outputs["keypoints"].float()
    return PoseCandidates(
        keypoints=joints[..., :2],
        confidence=joints[..., 2].clamp(0, 1),
        boxes=dets[..., :4],
        scores=dets[..., 4],
    )


FAMILY = PoseFamily(
    name="rtmo",
    network=network,
    suffixes=(".onnx",),
    recommended_size=640,
    order=20,
    head=OneStage(skeleton=COCO_17, decode=decode, most=50, fill=114 / 255, overlap=0.45),
)
