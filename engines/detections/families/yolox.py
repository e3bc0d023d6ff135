"""YOLOX (Megvii): people as boxes, for Detect Poses in Boxes. Apache-2.0.

Trained on BGR 0..255 without mean or deviation, letterboxed top left with 114. Two exports are
known: the network alone, whose rows still have to be placed (DWPose's yolox_l.onnx), and that of
mmdeploy, which ends in NMS (rtmlib's).
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from ...models.registry import Model
from ...pose.agreement import same_people
from ...pose.family import Candidates, OneStage
from ...pose.skeletons import COCO_17
from ...runtime.network import Network
from ...runtime.onnx_graph import Feed, one_input, read_sockets, refuse

_STRIDES = (8, 16, 32)
_ROW = 5  # x, y, width, height, objectness; then one number a class, people first


def network(model: Model) -> Network:
    """The network of an ONNX file with one output of rows [B,N,5 + classes] for square images of
    one size, or with dets [B,N,5].

    Raises `ModelError`, with what was expected and found, for one of another contract.
    """
    inputs, outputs = read_sockets(model.path)
    image = one_input(inputs, "YOLOX", model.path)
    batch, _, high, wide = image.shape
    fixed = (high, wide) if min(high, wide) > 0 else None
    dets = [o for o in outputs if o.name == "dets" and o.fits((-1, -1, _ROW))]
    if dets:
        names = {"dets": "dets"}
    else:
        cells = sum((high // s) * (wide // s) for s in _STRIDES) if fixed else -1
        rows = [o for o in outputs if o.fits((-1, cells, -1)) and o.shape[2] > _ROW]
        if high != wide or len(outputs) != 1 or not rows:
            wanted = f"rows [B,{cells if fixed else 'N'},5 + classes] or dets [B,N,5]"
            refuse(
                "YOLOX", model.path, f"square images of one size and {wanted}", [image, *outputs]
            )
        names = {"rows": rows[0].name}
    return Network(
        name="yolox",
        load=None,
        outputs=dict.fromkeys(names, 0),
        stride=32,
        sizes=(max(fixed), max(fixed)) if fixed else (128, 1280),
        max_people=100,
        pixel_bytes=256,
        feed=Feed(image.name, image.kind, names, scale=255.0, bgr=True),
        batch=max(batch, 0),
        fixed=fixed,
        sees_people=True,
        compare=same_people(decode),
    )


def decode(outputs: Mapping[str, Tensor], frames: int, above: float) -> Candidates:
    """Boxes in pixels of the input; joints that nobody has seen."""
    if "dets" in outputs:
        dets = outputs["dets"].float()
        boxes, scores = dets[..., :4], dets[..., 4]
    else:
        boxes, scores = _placed(outputs["rows"].float())
    joints = (*scores.shape, len(COCO_17))
    return Candidates(
        keypoints=scores.new_zeros(*joints, 2),
        confidence=scores.new_zeros(joints),
        boxes=boxes,
        scores=scores,
    )


def _placed(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes [F,N,4] and scores [F,N] of rows [F,N,5 + classes]; N cells of all strides in turn.

    The input is a square, so that the number of cells says how large it is.
    """
    cells = rows.shape[1]
    unit = sum((_STRIDES[-1] // s) ** 2 for s in _STRIDES)  # cells of 32 x 32 pixels
    side = round((cells / unit) ** 0.5)
    grids, strides = [], []
    for stride in _STRIDES:
        count = side * _STRIDES[-1] // stride
        cell = torch.arange(count, device=rows.device, dtype=torch.float32)
        y, x = torch.meshgrid(cell, cell, indexing="ij")
        grids.append(torch.stack([x, y], -1).view(-1, 2))
        strides.append(torch.full((count * count, 1), float(stride), device=rows.device))
    grid, stride_of = torch.cat(grids), torch.cat(strides)
    middle = (rows[..., :2] + grid) * stride_of
    half = rows[..., 2:4].exp() * stride_of / 2
    return torch.cat([middle - half, middle + half], -1), rows[..., 4] * rows[..., _ROW]


FAMILY = OneStage(skeleton=COCO_17, network=network, decode=decode, fill=114 / 255, overlap=0.45)
