"""img2pose (Albiero et al., CVPR 2021): heads with six degrees of freedom from whole frames, as the
user's own ONNX file.

arXiv:2012.07791. Its authors publish code and weights for non-commercial use only, so none come
with Kinograph, nor do their 68 model points. What is computed here follows from the paper and the
published interface: `images` [3,H,W] RGB 0..1 -> boxes [N,4], labels, scores [N] or [N,1] and dofs
[N,6], of which the last are a rotation vector and a translation, normalised, in a camera that looks
at the middle of the box.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ...detections.agreement import same_people
from ...detections.people import with_people
from ...errors import InputError
from ...geometry import rotations
from ...geometry.placement import Size
from ...models.model import Model, Option
from ...runtime.network import Network, Outputs, join_places
from ...runtime.onnx_graph import InputAdapter, Socket, read_sockets, refuse
from ...runtime.tensor_spec import BATCH, TensorSpec, image_input
from ..face_boxes import face_boxes
from ..family import HeadCandidates, HeadFamily, HeadFinder

BOX_SCALE = "box_scale"

# Mean and standard deviation of rotation vector and translation in the published training set.
_MEAN = (-0.0238, 0.0275, -0.0144, 0.0664, 0.2380, 3.4813)
_STD = (0.2353, 0.5395, 0.1767, 0.1320, 0.1358, 0.3663)
# The published model points lie on the canonical face at 10.74 cm per unit, turned by 180 degrees
# about x and moved by (0, -1.5, -0.2) cm; rms of the fit 0.37 cm.
_UNIT = 10.74
_MOVED = (0.0, -1.5, -0.2)
_TURN = (1.0, -1.0, -1.0)
_MOST = 64  # candidates per frame, the surest first
_OVERLAP = 0.5  # IoU of two boxes of one head
_OUTSIDE = 0.02  # of a side: how far boxes reach beyond the input by rounding
_OUTPUTS: dict[str, tuple[tuple[int, ...], ...]] = {
    "boxes": ((-1, 4),),
    "scores": ((-1,), (-1, 1)),
    "dofs": ((-1, 6),),
}


def network(model: Model) -> Network:
    """Return the network of an ONNX file with the input `images` [3,H,W], of one size or any, and
    the outputs boxes, scores and dofs.

    Raises `ModelError`, which says what was expected and found, for a file of another contract.
    """
    inputs, outputs = read_sockets(model.path)
    fits = len(inputs) == 1 and inputs[0].fits((3, -1, -1))
    if not fits or inputs[0].kind not in ("float", "float16", "uint8"):
        refuse("img2pose", model.path, "one input, an image [3,H,W] of float or uint8", inputs)
    (image,) = inputs
    _, high, wide = image.shape
    if (high < 0) != (wide < 0):
        refuse("img2pose", model.path, "height and width both free or both fixed", inputs)
    there = {output.name: output for output in outputs}
    if not all(_fits(there.get(name), shapes) for name, shapes in _OUTPUTS.items()):
        expected = "the outputs boxes [N,4], scores [N] or [N,1], dofs [N,6]"
        refuse("img2pose", model.path, expected, outputs)
    fixed = (high, wide) if high > 0 else None
    scores = (BATCH, "places", 1)[: 1 + len(there["scores"].shape)]
    return Network(
        name="img2pose",
        load=None,
        inputs=(image_input(*(fixed or ()), example=with_people),),
        outputs=(
            TensorSpec("boxes", "float", (BATCH, "places", 4)),
            TensorSpec("scores", "float", scores),
            TensorSpec("dofs", "float", (BATCH, "places", 6)),
        ),
        stride=32,
        sizes=(max(fixed), max(fixed)) if fixed else (128, 2048),
        pixel_bytes=256,
        adapter=InputAdapter(
            image.name,
            image.kind,
            {name: name for name in _OUTPUTS},
            scale=255.0 if image.kind == "uint8" else 1.0,
            single=True,
        ),
        batch=1,
        join=join_places,
        size_name="detection size",
        compare=same_people(_as_found),
    )


def _fits(socket: Socket | None, shapes: Sequence[Sequence[int]]) -> bool:
    return socket is not None and any(socket.fits(shape) for shape in shapes)


def focal(size: Size) -> float:
    """Return the focal length in px that img2pose assumes of pictures of `size`."""
    return float(sum(size))


def _as_found(outputs: Outputs, frames: int, above: float) -> HeadCandidates:
    """Return all candidates with their boxes and poses as the network gives them, to compare."""
    scores = outputs["scores"].float().reshape(*outputs["boxes"].shape[:2])
    dofs = outputs["dofs"].float()
    rotation = rotations.to_matrices(rotations.exp_map(dofs[..., :3]))
    boxes = outputs["boxes"].float()
    return HeadCandidates(boxes=boxes, scores=scores, rotation=rotation, translation=dofs[..., 3:])


def decode(
    outputs: Outputs, size: Size, options: Mapping[str, Option], above: float
) -> HeadCandidates:
    """Return the heads of F pictures of `size` (height, width) px with scores above `above`, in px
    of them and in the axes of their camera.

    options: `box_scale`, by which boxes are multiplied to be in px of the picture

    The pose in the camera of the box becomes one in that of the picture: its depth grows with the
    ratio of the picture to the box, and K^-1 K_box shears translation and rotation, which is then
    the nearest proper one. A box is that of the canonical face in this pose.

    Raises `InputError` for boxes that cannot be in px of the picture.
    """
    raw = outputs["boxes"].double() * float(options.get(BOX_SCALE, 1.0))  # [F,N,4]
    scores = outputs["scores"].float().reshape(raw.shape[:2])
    most = min(_MOST, scores.shape[1])
    scores, order = scores.topk(most, dim=1)
    raw = raw.gather(1, order[..., None].expand(-1, -1, 4))
    dofs = outputs["dofs"].double().gather(1, order[..., None].expand(-1, -1, 6))
    sure = scores > above
    _check_boxes(raw[sure], size)
    height, width = size
    length, middle = focal(size), raw.new_tensor([width / 2, height / 2])
    low, sides = raw[..., :2], (raw[..., 2:] - raw[..., :2]).clamp(min=1e-3)
    # Its own code takes the middle of a box at whole pixels of its size.
    off = low + (sides / 2).floor() - middle
    values = dofs * dofs.new_tensor(_STD) + dofs.new_tensor(_MEAN)
    shear = torch.eye(3, dtype=raw.dtype, device=raw.device).repeat(*raw.shape[:2], 1, 1)
    shear[..., :2, 2] = off / length
    at = values[..., 3:].clone()
    at[..., 2] *= length / sides.sum(-1)
    at = (shear @ at[..., None])[..., 0]
    turned = shear @ rotations.to_matrices(rotations.exp_map(values[..., :3]))
    u, _, vh = torch.linalg.svd(turned)
    turn = raw.new_tensor(_TURN)
    rotation = turn[:, None] * (u @ vh) * turn
    translation = _UNIT * turn * at - (rotation @ raw.new_tensor(_MOVED)[:, None])[..., 0]
    boxes = face_boxes(rotation, translation, raw.new_tensor([length] * 2), middle).float()
    return HeadCandidates(
        boxes=boxes,
        scores=torch.where(sure & (translation[..., 2] < 0), scores, 0),
        rotation=rotation.float(),
        translation=translation.float(),
    )


def _check_boxes(boxes: Tensor, size: Size) -> None:
    """Raise `InputError` if boxes [M,4] reach far beyond a picture, or are fractions of it."""
    if not len(boxes):
        return
    height, width = size
    x, y = (float(value) for value in boxes.view(-1, 2).amax(0))
    edge = 1 + _OUTSIDE
    if x > edge * width or y > edge * height or max(x, y) < 2:
        raise InputError(
            f"engine: its boxes reach to ({x:.4g}, {y:.4g}) in inputs of {width}x{height}, so they "
            "are not in pixels of the input; set box_scale in Load Head Model File"
        )


FAMILY = HeadFamily(
    name="img2pose",
    network=network,
    suffixes=(".onnx",),
    recommended_size=1280,
    options=(BOX_SCALE,),
    order=20,
    head=HeadFinder(decode=decode, focal=focal, overlap=_OVERLAP),
)
