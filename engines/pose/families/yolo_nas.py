"""YOLO-NAS-Pose (Deci, super-gradients): one stage, COCO-17, as exported to ONNX with its NMS.

Code Apache-2.0; the weights must not be redistributed or used commercially, so none come with
Kinograph. Contract: super-gradients, documentation/source/models_export_pose.md.

The graph takes RGB in 0..255 and normalises it itself. Frames are letterboxed as in training: the
longer side is scaled to the input's, and the rest, at the right and the bottom, is filled with 127.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from ...detections.agreement import same_people
from ...detections.people import with_people
from ...models.model import Model
from ...runtime.network import Network, Outputs, join_places
from ...runtime.onnx_graph import InputAdapter, Socket, one_input, read_sockets, refuse
from ...runtime.tensor_spec import BATCH, TensorSpec, image_input
from ..family import OneStage, PoseCandidates, PoseFamily
from ..skeletons import COCO_17

_JOINTS = len(COCO_17)
_FLAT = 6 + 3 * _JOINTS  # image, box, score, joints
# Outputs of the "batch" format: our name, endings of the graph's name, shape; -1 = any size.
_BATCH = (
    ("num_predictions", ("num_predictions",), (-1, 1)),
    ("boxes", ("post_nms_boxes", "pred_boxes"), (-1, -1, 4)),
    ("scores", ("post_nms_scores", "pred_scores"), (-1, -1)),
    ("joints", ("post_nms_joints", "pred_joints"), (-1, -1, _JOINTS, 3)),
)

_SPECS = {
    spec.name: spec
    for spec in (
        TensorSpec("num_predictions", "int64", (BATCH, 1)),
        TensorSpec("boxes", "float", (BATCH, "places", 4)),
        TensorSpec("scores", "float", (BATCH, "places")),
        TensorSpec("joints", "float", (BATCH, "places", _JOINTS, 3)),
        TensorSpec("flat", "float", ("people", _FLAT)),
    )
}


def network(model: Model) -> Network:
    """Return the network of an ONNX file in "batch" or "flat" format.

    Raises `ModelError`, which says what was expected and found, for a file of another contract.
    """
    inputs, outputs = read_sockets(model.path)
    image = one_input(inputs, "YOLO-NAS-Pose", model.path)
    names = _outputs(outputs, model)
    batch, _, high, wide = image.shape
    fixed = (high, wide) if min(high, wide) > 0 else None
    return Network(
        name="yolo_nas_pose",
        load=None,
        inputs=(image_input(*(fixed or ()), example=with_people),),
        outputs=tuple(_SPECS[name] for name in names),
        stride=32,
        sizes=(max(fixed), max(fixed)) if fixed else (128, 1280),
        pixel_bytes=256,
        adapter=InputAdapter(image.name, image.kind, names, scale=255.0),
        batch=max(batch, 0),
        join=partial(_join_flat, batch) if "flat" in names else join_places,
        size_name="detection size",
        compare=compare_flat if "flat" in names else same_people(decode),
    )


def _outputs(outputs: Sequence[Socket], model: Model) -> dict[str, str]:
    """Return our names -> the graph's, matched by the endings of names, otherwise by order."""
    if len(outputs) == 1 and outputs[0].fits((-1, _FLAT)):
        return {"flat": outputs[0].name}
    if len(outputs) == len(_BATCH):
        named = [o for _, ends, _ in _BATCH for o in outputs if o.name.endswith(ends)]
        outputs = named if len(named) == len(_BATCH) else outputs
        if all(o.fits(shape) for o, (_, _, shape) in zip(outputs, _BATCH, strict=True)):
            return {ours: o.name for o, (ours, _, _) in zip(outputs, _BATCH, strict=True)}
    shapes = "num_predictions [B,1], boxes [B,N,4], scores [B,N], joints [B,N,17,3]"
    refuse("YOLO-NAS-Pose", model.path, f"the outputs {shapes}, or one [N,{_FLAT}]", outputs)
    raise AssertionError


def _join_flat(batch: int, pieces: Sequence[Outputs], images: int) -> Outputs:
    """Concatenate pieces of `batch` images; the image's number, in the first column, continues."""
    rows = []
    for number, piece in enumerate(pieces):
        flat = piece["flat"].clone()
        flat[:, 0] += number * batch
        rows.append(flat)
    flat = torch.cat(rows)
    return {"flat": flat[flat[:, 0] < images]}


def decode(outputs: Mapping[str, Tensor], frames: int, above: float) -> PoseCandidates:
    """Return candidates from either format, in pixels of the input; joints are x, y, confidence."""
    if "flat" in outputs:
        return _from_flat(outputs["flat"].float(), frames)
    scores = outputs["scores"].float()
    place = torch.arange(scores.shape[1], device=scores.device)
    joints = outputs["joints"].float()
    return PoseCandidates(
        keypoints=joints[..., :2],
        confidence=joints[..., 2].clamp(0, 1),
        boxes=outputs["boxes"].float(),
        # places beyond the number of predictions hold arbitrary values
        scores=torch.where(place < outputs["num_predictions"].view(-1, 1), scores, 0),
    )


def _from_flat(rows: Tensor, frames: int) -> PoseCandidates:
    """Return candidates of rows [M,57] in any order, with as many places as the fullest frame."""
    frame, order = rows[:, 0].long().sort(stable=True)
    rows = rows[order]
    count = torch.zeros(frames, dtype=torch.int64, device=rows.device)
    count.scatter_add_(0, frame, torch.ones_like(frame))
    place = torch.arange(len(rows), device=rows.device) - (count.cumsum(0) - count)[frame]
    placed = rows.new_zeros(frames, int(count.max()) if len(rows) else 0, _FLAT)
    placed[frame, place] = rows
    joints = placed[..., 6:].unflatten(2, (_JOINTS, 3))
    return PoseCandidates(
        keypoints=joints[..., :2],
        confidence=joints[..., 2].clamp(0, 1),
        boxes=placed[..., 1:5],
        scores=placed[..., 5],
    )


def _frames_of_flat(outputs: Outputs) -> int:
    rows = outputs["flat"]
    return int(rows[:, 0].max()) + 1 if len(rows) else 1


# The "flat" format has one row per person, whose first column is the number of the image.
compare_flat = same_people(decode, axis=0, frames=_frames_of_flat)

FAMILY = PoseFamily(
    name="yolo_nas_pose",
    network=network,
    suffixes=(".onnx",),
    recommended_size=640,
    order=10,
    head=OneStage(skeleton=COCO_17, decode=decode, most=1000, fill=127 / 255),
)
