"""YOLOX (Megvii): boxes of people, for Detect Poses in Boxes. Apache-2.0.

Trained on BGR in 0..255 without mean or standard deviation, letterboxed at the top left with 114.
There are two exports: the network alone, whose rows are relative to their cells (DWPose's
yolox_l.onnx), and mmdeploy's, which ends in non-maximum suppression (rtmlib's).
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from ...models.model import Model
from ...runtime.network import Network
from ...runtime.onnx_graph import InputAdapter, one_input, read_sockets, refuse
from ...runtime.tensor_spec import BATCH, TensorSpec, image_input
from ..agreement import same_people
from ..candidates import Boxes
from ..family import BoxHead, DetectionFamily
from ..people import with_people

_STRIDES = (8, 16, 32)
_ROW = 5  # x, y, width, height, objectness; then one score per class, people first
_PERSON = 0  # class number in `Detections`


def network(model: Model) -> Network:
    """Return the network of an ONNX file.

    Its output is either rows [B,N,5 + classes] for square images of one size, or dets [B,N,5].
    Raises `ModelError`, which says what was expected and found, for a file of another contract.
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
        inputs=(image_input(*(fixed or ()), example=with_people),),
        outputs=tuple(TensorSpec(name, "float", (BATCH, "places", "values")) for name in names),
        stride=32,
        sizes=(max(fixed), max(fixed)) if fixed else (128, 1280),
        pixel_bytes=256,
        adapter=InputAdapter(image.name, image.kind, names, scale=255.0, bgr=True),
        batch=max(batch, 0),
        size_name="detection size",
        compare=same_people(decode),
    )


def decode(outputs: Mapping[str, Tensor], frames: int, above: float) -> Boxes:
    """Return the boxes of people in pixels of the input."""
    if "dets" in outputs:
        dets = outputs["dets"].float()
        boxes, scores = dets[..., :4], dets[..., 4]
    else:
        boxes, scores = _placed(outputs["rows"].float())
    classes = torch.full_like(scores, _PERSON, dtype=torch.int64)
    return Boxes(boxes=boxes, scores=scores, classes=classes)


def _placed(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return boxes [F,N,4] and scores [F,N] of rows [F,N,5 + classes].

    The N cells are those of all strides, one stride after another. The input is a square, so its
    side follows from the number of cells.
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


FAMILY = DetectionFamily(
    name="yolox",
    network=network,
    suffixes=(".onnx",),
    recommended_size=640,
    order=30,
    head=BoxHead(decode=decode, most=100, fill=114 / 255, overlap=0.45),
)
